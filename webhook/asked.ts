import leven from 'leven';
import { ANNOTATION_PREFIX, isUnderPrefix } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { ANNOTATIONS, type AnnotationName, type Asked, STATUS_ANNOTATION } from './annotations.ts';
import { type Rejection, reject } from './decision.ts';
import { FAMILIES, type FamilyName, type Members } from './families.ts';
import { tooMuchAsked } from './limits.ts';
import { quoted, shape } from './shape.ts';

const FAMILY_NAMES = Object.keys(FAMILIES) as readonly FamilyName[];

/** Every name that may stand after the prefix, as people would write it. */
const NAMES = [
	...Object.keys(ANNOTATIONS),
	...FAMILY_NAMES.map((name) => `${name}.${FAMILIES[name].member}`),
];

function isName(name: string): name is AnnotationName {
	return Object.hasOwn(ANNOTATIONS, name);
}

/** The family that a name belongs to, and what stands behind its dot. */
function memberOf(name: string): { readonly family: FamilyName; readonly member: string } | undefined {
	const family = FAMILY_NAMES.find((known) => name.startsWith(`${known}.`));
	return family === undefined ? undefined : { family, member: name.slice(family.length + 1) };
}

/** Beyond half the letters wrong a guess helps nobody; distances over long names cost time and mean nothing. */
function nearest(name: string): string | undefined {
	const [head = '', ...rest] = name.split('.');
	if (head.length > 32) return undefined;
	const ranked = NAMES.map((known) => {
		const [first = '', behind] = known.split('.');
		// Of two that begin alike, the one that is like it in this as well.
		const tie = (behind === undefined) === (rest.length === 0) ? 0 : 0.5;
		return { known, first, distance: leven(first, head.toLowerCase()) + tie };
	});
	const best = ranked.reduce((a, b) => (b.distance < a.distance ? b : a));
	if (best.distance > Math.ceil(best.first.length / 2)) return undefined;
	const member = rest.join('.');
	return best.known !== best.first && isMember(best.first, member) ? `${best.first}.${member}` : best.known;
}

function isMember(family: string, member: string): boolean {
	return FAMILY_NAMES.some((name) => name === family && FAMILIES[name].isMember(member));
}

function unknown(name: string): Rejection {
	const guess = nearest(name);
	const hint =
		guess === undefined
			? `known are ${NAMES.map((known) => `${ANNOTATION_PREFIX}${known}`).join(', ')}`
			: `did you mean ${ANNOTATION_PREFIX}${guess}?`;
	return reject('unknown-annotation', `annotation ${quoted(ANNOTATION_PREFIX + name)} is unknown: ${hint}`);
}

/** The name behind it may be right; that is said afterwards. */
function inCapitals(annotation: string): Rejection {
	const name = annotation.slice(ANNOTATION_PREFIX.length);
	return reject(
		'unknown-annotation',
		`annotation ${quoted(annotation)} has capital letters before the slash: write ${quoted(ANNOTATION_PREFIX + name)}`,
	);
}

/**
 * Values go to the fetcher as environment variables, and Linux starts no program with one of 128 KiB (MAX_ARG_STRLEN); two lists
 * of this length make one of those, and so does a template of nothing but dollar signs, each of which is doubled on the way.
 */
const LONGEST = 32 * 1024;

function read<T>(
	annotation: string,
	value: string,
	parse: (text: string) => Result<T>,
): Result<T, Rejection> {
	const parsed = value.length > LONGEST ? err(`at most ${LONGEST} characters long`) : parse(value);
	if (parsed.ok) return parsed;
	return err(reject('bad-annotation', `annotation ${annotation} (${shape(value)}) must be ${parsed.error}`));
}

type Writable = { readonly [K in FamilyName]: Map<string, unknown> };

/** Reads one annotation into what was found so far. */
function take(
	annotation: string,
	value: string,
	found: Record<string, unknown>,
	each: Writable,
): Rejection | undefined {
	if (!annotation.startsWith(ANNOTATION_PREFIX)) return inCapitals(annotation);
	const name = annotation.slice(ANNOTATION_PREFIX.length);
	const belongs = memberOf(name);
	if (isName(name)) {
		const parsed = read<unknown>(annotation, value, ANNOTATIONS[name].parse);
		if (!parsed.ok) return parsed.error;
		found[name] = parsed.value;
		return undefined;
	}
	if (belongs === undefined) return unknown(name);
	const { family, member } = belongs;
	const { isMember, memberRule, parse } = FAMILIES[family];
	if (!isMember(member))
		return reject(
			'bad-annotation',
			`annotation ${quoted(annotation)} must have behind "${family}." ${memberRule}`,
		);
	const parsed = read<unknown>(annotation, value, parse);
	if (!parsed.ok) return parsed.error;
	each[family].set(member, parsed.value);
	return undefined;
}

/**
 * What a pod's annotations ask for, or the first thing, in the order of their names, that is wrong with them. Annotations of others are
 * not looked at.
 */
export function asked(annotations: ReadonlyMap<string, string>): Result<Asked, Rejection> {
	const found: Record<string, unknown> = {};
	const each = Object.fromEntries(FAMILY_NAMES.map((name) => [name, new Map()])) as Writable;
	const ours = [...annotations.keys()].filter(
		(annotation) => isUnderPrefix(annotation) && annotation !== STATUS_ANNOTATION,
	);
	// What is too long is refused unread, so it does not count.
	const lengths = ours.map((annotation) => annotations.get(annotation)?.length ?? 0);
	const much = tooMuchAsked(lengths.reduce((sum, length) => sum + (length > LONGEST ? 0 : length), 0));
	if (much !== undefined) return err(much);
	for (const annotation of ours.sort()) {
		const wrong = take(annotation, annotations.get(annotation) ?? '', found, each);
		if (wrong !== undefined) return err(wrong);
	}
	return ok({ ...found, each: each as Members } as Asked);
}
