import { ANNOTATION_PREFIX, REQUEST_ANNOTATION } from '../../contract/names.ts';
import { ANNOTATIONS, STATUS_ANNOTATION } from '../../webhook/annotations/annotations.ts';
import { KEYED_ANNOTATIONS } from '../../webhook/annotations/keyed-annotations.ts';
import { blocks, bullets, code, prose, table } from './markdown.ts';

/** A row of the table. */
interface Row {
	readonly parse: (text: string) => { ok: boolean; error?: string };
	readonly meaning: string;
	readonly default: string;
	readonly example: string;
}

const entries: readonly (readonly [string, Row])[] = Object.entries(ANNOTATIONS);

/** Annotations with one entry per key. Their names contain a placeholder for the key. */
const families = Object.entries(KEYED_ANNOTATIONS).map(
	([name, { member, example, ...family }]): readonly [string, Row] => [
		`${name}.${member}`,
		{ ...family, example: `${ANNOTATION_PREFIX}${name}.${example[0]}: ${JSON.stringify(example[1])}` },
	],
);

/** The rule of a value. It is the error for an empty value, which no parser accepts. */
function ruleOf(name: string, parse: (text: string) => { ok: boolean; error?: string }): string {
	const result = parse('');
	if (result.ok || result.error === undefined)
		throw new Error(
			`${ANNOTATION_PREFIX}${name} accepts an empty value, which the reference does not expect`,
		);
	return result.error;
}

/** Each rule once, after the names that share it. */
function rules(): readonly string[] {
	const names = new Map<string, string[]>();
	for (const [name, { parse }] of [...entries, ...families]) {
		// The text after the semicolon is only about the empty value.
		const rule = ruleOf(name, parse).replace(/; this one .*$/, '');
		names.set(rule, [...(names.get(rule) ?? []), code(ANNOTATION_PREFIX + name)]);
	}
	return [...names].map(([rule, sharing]) => `${sharing.join(', ')}: ${prose(rule)}`);
}

/** The section about annotations of pods. */
export function annotationsSection(): string {
	return blocks(
		'## Annotations',
		`A pod sets its options in annotations under ${code(ANNOTATION_PREFIX)}. For a Deployment, Job and the like they are on the pod template. Envtier reads annotations once, when the pod is created.`,
		table(
			['annotation', 'meaning', 'without it', 'example'],
			entries.map(([name, annotation]) => [
				code(ANNOTATION_PREFIX + name),
				prose(annotation.meaning),
				prose(annotation.default),
				code(annotation.example),
			]),
		),
		'A pod may have several of these annotations, one for each key or container after the dot:',
		table(
			['annotation', 'meaning', 'without it', 'example'],
			families.map(([name, family]) => [
				code(ANNOTATION_PREFIX + name),
				prose(family.meaning),
				prose(family.default),
				code(family.example),
			]),
		),
		'This list has the accepted values. A refusal of any other value uses the same text:',
		bullets(rules()),
		`The webhook itself sets ${code(STATUS_ANNOTATION)} on every injected pod; do not write it. \`envtier refresh\` sets ${code(REQUEST_ANNOTATION)} on running pods ([refreshing](refreshing.md#at-once)); a new pod may have it, without effect. Every other annotation under the prefix is refused, with the nearest known name, so that a typo cannot start a pod without its secrets. Only the operator sets the address, CA, namespace and auth mount of Vault. There is no annotation for them: a pod’s author could otherwise send its token to an attacker.`,
	);
}
