import { ANNOTATION_PREFIX, isUnderPrefix } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { MAX_VALUE_LENGTH } from '../admission/bounds.ts';
import { quoted, redact } from '../admission/redact.ts';
import { type Rejection, reject } from '../admission/rejection.ts';
import { ANNOTATIONS, type AnnotationName, type PodOptions, WRITTEN_ANNOTATIONS } from './annotations.ts';
import { KEYED_ANNOTATIONS, type KeyedAnnotationName, type KeyedOptions } from './keyed-annotations.ts';
import {
	capitalLetters,
	KEYED_ANNOTATION_NAMES,
	KNOWN_NAMES,
	unknownAnnotation,
} from './unknown-annotation.ts';

function isName(name: string): name is AnnotationName {
	return Object.hasOwn(ANNOTATIONS, name);
}

/** The family of a name, and the part after its dot. */
function memberOf(
	name: string,
): { readonly family: KeyedAnnotationName; readonly member: string } | undefined {
	const family = KEYED_ANNOTATION_NAMES.find((known) => name.startsWith(`${known}.`));
	return family === undefined ? undefined : { family, member: name.slice(family.length + 1) };
}

/**
 * Makes the refusal of one annotation. A function, because of thousands only a few are shown and the others
 * are counted.
 */
type MakeRefusal = () => Rejection;

function parseValue<T>(
	annotation: string,
	value: string,
	parse: (text: string) => Result<T>,
): Result<T, MakeRefusal> {
	const parsed =
		value.length > MAX_VALUE_LENGTH ? err(`at most ${MAX_VALUE_LENGTH} characters long`) : parse(value);
	if (parsed.ok) return parsed;
	return err(() =>
		reject('bad-annotation', `annotation ${annotation} (${redact(value)}) must be ${parsed.error}`),
	);
}

type MutableKeyedOptions = { readonly [K in KeyedAnnotationName]: Map<string, unknown> };

/** Parses one annotation and adds it to the results. */
function parseOne(
	annotation: string,
	value: string,
	found: Record<string, unknown>,
	each: MutableKeyedOptions,
): MakeRefusal | undefined {
	if (!annotation.startsWith(ANNOTATION_PREFIX)) return () => capitalLetters(annotation);
	const name = annotation.slice(ANNOTATION_PREFIX.length);
	const keyed = memberOf(name);
	if (isName(name)) {
		const parsed = parseValue<unknown>(annotation, value, ANNOTATIONS[name].parse);
		if (!parsed.ok) return parsed.error;
		found[name] = parsed.value;
		return undefined;
	}
	if (keyed === undefined) return () => unknownAnnotation(name);
	const { family, member } = keyed;
	const { isMember, memberRule, parse } = KEYED_ANNOTATIONS[family];
	if (!isMember(member))
		return () =>
			reject(
				'bad-annotation',
				`annotation ${quoted(annotation)} must have behind "${family}." ${memberRule}`,
			);
	const parsed = parseValue<unknown>(annotation, value, parse);
	if (!parsed.ok) return parsed.error;
	each[family].set(member, parsed.value);
	return undefined;
}

/** Maximum number of wrong annotations in one refusal. */
const MAX_SHOWN = 10;

/**
 * Combines all wrong annotations into one refusal. One is shown as it is; several are numbered. The reason is
 * that of the first.
 *
 * @param refusals at least one, in the order of their names
 */
function combinedRefusal(refusals: readonly [MakeRefusal, ...MakeRefusal[]]): Rejection {
	const first = refusals[0]();
	if (refusals.length === 1) return first;
	const others = refusals.slice(1, MAX_SHOWN).map((make) => make().message);
	let listed = false;
	// The list of all names is long, so it is shown once.
	const sentences = [first.message, ...others].map((sentence, i) => {
		const lists = sentence.endsWith(KNOWN_NAMES);
		const text =
			lists && listed ? `${sentence.slice(0, -KNOWN_NAMES.length)}no known name is like it` : sentence;
		listed ||= lists;
		return `(${i + 1}) ${text}`;
	});
	const more = refusals.length - sentences.length;
	const rest = more === 0 ? [] : [`and ${more} more`];
	return reject(
		first.reason,
		`${refusals.length} annotations are wrong: ${[...sentences, ...rest].join('; ')}`,
	);
}

/**
 * Parses a pod's annotations, or returns everything that is wrong with them, in the order of their names.
 * Ignores annotations without our prefix.
 */
export function parseAnnotations(annotations: ReadonlyMap<string, string>): Result<PodOptions, Rejection> {
	const found: Record<string, unknown> = {};
	const each = Object.fromEntries(
		KEYED_ANNOTATION_NAMES.map((name) => [name, new Map()]),
	) as MutableKeyedOptions;
	const ours = [...annotations.keys()].filter(
		(annotation) => isUnderPrefix(annotation) && !WRITTEN_ANNOTATIONS.includes(annotation),
	);
	const [first, ...others] = ours
		.sort()
		.flatMap((annotation) => parseOne(annotation, annotations.get(annotation) ?? '', found, each) ?? []);
	if (first !== undefined) return err(combinedRefusal([first, ...others]));
	return ok({ ...found, each: each as KeyedOptions } as PodOptions);
}
