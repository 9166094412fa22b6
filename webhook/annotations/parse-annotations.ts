import { ANNOTATION_PREFIX, isUnderPrefix } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { tooMuchAsked } from '../admission/limits.ts';
import { quoted, redact } from '../admission/redact.ts';
import { type Rejection, reject } from '../admission/rejection.ts';
import { ANNOTATIONS, type AnnotationName, type PodOptions, STATUS_ANNOTATION } from './annotations.ts';
import { KEYED_ANNOTATIONS, type KeyedAnnotationName, type KeyedOptions } from './keyed-annotations.ts';
import { inCapitals, KEYED_ANNOTATION_NAMES, KNOWN, unknown } from './unknown-annotation.ts';

function isName(name: string): name is AnnotationName {
	return Object.hasOwn(ANNOTATIONS, name);
}

/** The family that a name belongs to, and what stands behind its dot. */
function memberOf(
	name: string,
): { readonly family: KeyedAnnotationName; readonly member: string } | undefined {
	const family = KEYED_ANNOTATION_NAMES.find((known) => name.startsWith(`${known}.`));
	return family === undefined ? undefined : { family, member: name.slice(family.length + 1) };
}

/**
 * Values go to the fetcher as environment variables, and Linux starts no program with one of 128 KiB (MAX_ARG_STRLEN); two lists
 * of this length make one of those, and so does a template of nothing but dollar signs, each of which is doubled on the way.
 */
const LONGEST = 32 * 1024;

/** Makes the refusal of one annotation. Of thousands only some are shown: the others are counted and not put into words. */
type Wrong = () => Rejection;

function read<T>(annotation: string, value: string, parse: (text: string) => Result<T>): Result<T, Wrong> {
	const parsed = value.length > LONGEST ? err(`at most ${LONGEST} characters long`) : parse(value);
	if (parsed.ok) return parsed;
	return err(() =>
		reject('bad-annotation', `annotation ${annotation} (${redact(value)}) must be ${parsed.error}`),
	);
}

type Writable = { readonly [K in KeyedAnnotationName]: Map<string, unknown> };

/** Reads one annotation into what was found so far. */
function take(
	annotation: string,
	value: string,
	found: Record<string, unknown>,
	each: Writable,
): Wrong | undefined {
	if (!annotation.startsWith(ANNOTATION_PREFIX)) return () => inCapitals(annotation);
	const name = annotation.slice(ANNOTATION_PREFIX.length);
	const belongs = memberOf(name);
	if (isName(name)) {
		const parsed = read<unknown>(annotation, value, ANNOTATIONS[name].parse);
		if (!parsed.ok) return parsed.error;
		found[name] = parsed.value;
		return undefined;
	}
	if (belongs === undefined) return () => unknown(name);
	const { family, member } = belongs;
	const { isMember, memberRule, parse } = KEYED_ANNOTATIONS[family];
	if (!isMember(member))
		return () =>
			reject(
				'bad-annotation',
				`annotation ${quoted(annotation)} must have behind "${family}." ${memberRule}`,
			);
	const parsed = read<unknown>(annotation, value, parse);
	if (!parsed.ok) return parsed.error;
	each[family].set(member, parsed.value);
	return undefined;
}

/** Wrong annotations that one refusal shows. */
const SHOWN = 10;

/**
 * One refusal for all wrong annotations. A single one is put as it is; several are numbered. The reason is that of the first.
 *
 * @param wrong at least one, in the order of their names
 */
function together(wrong: readonly [Wrong, ...Wrong[]]): Rejection {
	const first = wrong[0]();
	if (wrong.length === 1) return first;
	const others = wrong.slice(1, SHOWN).map((make) => make().message);
	let listed = false;
	// The list of all names is long: once is enough.
	const sentences = [first.message, ...others].map((sentence, i) => {
		const lists = sentence.endsWith(KNOWN);
		const text = lists && listed ? `${sentence.slice(0, -KNOWN.length)}no known name is like it` : sentence;
		listed ||= lists;
		return `(${i + 1}) ${text}`;
	});
	const more = wrong.length - sentences.length;
	const rest = more === 0 ? [] : [`and ${more} more`];
	return reject(first.reason, `${wrong.length} annotations are wrong: ${[...sentences, ...rest].join('; ')}`);
}

/**
 * What a pod's annotations ask for, or all that is wrong with them, in the order of their names. Annotations of others are not looked at.
 */
export function parseAnnotations(annotations: ReadonlyMap<string, string>): Result<PodOptions, Rejection> {
	const found: Record<string, unknown> = {};
	const each = Object.fromEntries(KEYED_ANNOTATION_NAMES.map((name) => [name, new Map()])) as Writable;
	const ours = [...annotations.keys()].filter(
		(annotation) => isUnderPrefix(annotation) && annotation !== STATUS_ANNOTATION,
	);
	// What is too long is refused unread, so it does not count.
	const lengths = ours.map((annotation) => annotations.get(annotation)?.length ?? 0);
	const much = tooMuchAsked(lengths.reduce((sum, length) => sum + (length > LONGEST ? 0 : length), 0));
	if (much !== undefined) return err(much);
	const [first, ...others] = ours
		.sort()
		.flatMap((annotation) => take(annotation, annotations.get(annotation) ?? '', found, each) ?? []);
	if (first !== undefined) return err(together([first, ...others]));
	return ok({ ...found, each: each as KeyedOptions } as PodOptions);
}
