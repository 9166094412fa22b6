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

/** What a pod's annotations ask for, or the first thing that is wrong with them. Annotations of others are not looked at. */
export function asked(annotations: ReadonlyMap<string, string>): Result<Asked, Rejection> {
	const found: Record<string, unknown> = {};
	for (const [annotation, value] of annotations) {
		if (!annotation.startsWith(ANNOTATION_PREFIX) || annotation === STATUS_ANNOTATION) continue;
		const name = annotation.slice(ANNOTATION_PREFIX.length);
		if (!isName(name)) return err(unknown(name));
		const parsed = ANNOTATIONS[name].parse(value);
		if (!parsed.ok)
			return err(
				reject('bad-annotation', `annotation ${annotation} (${shape(value)}) must be ${parsed.error}`),
			);
		found[name] = parsed.value;
	}
	return ok(found as Asked);
}
