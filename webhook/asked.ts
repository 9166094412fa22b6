import leven from 'leven';
import { ANNOTATION_PREFIX } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { ANNOTATIONS, type AnnotationName, type Asked, STATUS_ANNOTATION } from './annotations.ts';
import { type Rejection, reject } from './decision.ts';
import { quoted, shape } from './shape.ts';

const NAMES = Object.keys(ANNOTATIONS) as readonly AnnotationName[];

function isName(name: string): name is AnnotationName {
	return Object.hasOwn(ANNOTATIONS, name);
}

/** Beyond half the letters wrong a guess helps nobody; distances over long names cost time and mean nothing. */
function nearest(name: string): AnnotationName | undefined {
	if (name.length > 32) return undefined;
	const ranked = NAMES.map((known) => ({ known, distance: leven(known, name.toLowerCase()) }));
	const best = ranked.reduce((a, b) => (b.distance < a.distance ? b : a));
	return best.distance <= Math.ceil(best.known.length / 2) ? best.known : undefined;
}

function unknown(name: string): Rejection {
	const guess = nearest(name);
	const hint =
		guess === undefined
			? `known are ${NAMES.map((known) => `${ANNOTATION_PREFIX}${known}`).join(', ')}`
			: `did you mean ${ANNOTATION_PREFIX}${guess}?`;
	return reject('unknown-annotation', `annotation ${quoted(ANNOTATION_PREFIX + name)} is unknown: ${hint}`);
}

/**
 * Lists go to the fetcher as environment variables, and Linux starts no program with one of 128 KiB (MAX_ARG_STRLEN); two of these
 * make one of those.
 */
const LONGEST = 32 * 1024;

function read<T>(value: string, parse: (text: string) => Result<T>): Result<T> {
	return value.length > LONGEST ? err(`at most ${LONGEST} characters long`) : parse(value);
}

/**
 * What a pod's annotations ask for, or the first thing, in the order of their names, that is wrong with them. Annotations of others are
 * not looked at.
 */
export function asked(annotations: ReadonlyMap<string, string>): Result<Asked, Rejection> {
	const found: Record<string, unknown> = {};
	const ours = [...annotations.keys()].filter(
		(annotation) => annotation.startsWith(ANNOTATION_PREFIX) && annotation !== STATUS_ANNOTATION,
	);
	for (const annotation of ours.sort()) {
		const value = annotations.get(annotation) ?? '';
		const name = annotation.slice(ANNOTATION_PREFIX.length);
		if (!isName(name)) return err(unknown(name));
		const parsed = read<unknown>(value, ANNOTATIONS[name].parse);
		if (!parsed.ok)
			return err(
				reject('bad-annotation', `annotation ${annotation} (${shape(value)}) must be ${parsed.error}`),
			);
		found[name] = parsed.value;
	}
	return ok(found as Asked);
}
