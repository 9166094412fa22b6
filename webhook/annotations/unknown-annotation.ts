import leven from 'leven';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { quoted } from '../admission/redact.ts';
import { type Rejection, reject } from '../admission/rejection.ts';
import { ANNOTATIONS } from './annotations.ts';
import { KEYED_ANNOTATIONS, type KeyedAnnotationName } from './keyed-annotations.ts';

/** The names of all families. */
export const KEYED_ANNOTATION_NAMES = Object.keys(KEYED_ANNOTATIONS) as readonly KeyedAnnotationName[];

/** Every name that may follow the prefix, as people write it. */
const NAMES = [
	...Object.keys(ANNOTATIONS),
	...KEYED_ANNOTATION_NAMES.map((name) => `${name}.${KEYED_ANNOTATIONS[name].member}`),
];

/** All names, for a message about a name that resembles none of them. */
export const KNOWN_NAMES = `known are ${NAMES.map((known) => `${ANNOTATION_PREFIX}${known}`).join(', ')}`;

/**
 * Returns the most similar known name. A name with more than half of its letters wrong has none. Long names
 * are not compared: that takes time and helps nobody.
 */
function nearest(name: string): string | undefined {
	const [head = '', ...rest] = name.split('.');
	if (head.length > 32) return undefined;
	const ranked = NAMES.map((known) => {
		const [first = '', behind] = known.split('.');
		// Of two equally similar names, the one with the same form is preferred.
		const tie = (behind === undefined) === (rest.length === 0) ? 0 : 0.5;
		return { known, first, distance: leven(first, head.toLowerCase()) + tie };
	});
	const best = ranked.reduce((a, b) => (b.distance < a.distance ? b : a));
	if (best.distance > best.first.length / 2) return undefined;
	const member = rest.join('.');
	return best.known !== best.first && isMember(best.first, member) ? `${best.first}.${member}` : best.known;
}

function isMember(family: string, member: string): boolean {
	return KEYED_ANNOTATION_NAMES.some((name) => name === family && KEYED_ANNOTATIONS[name].isMember(member));
}

/** Refuses an annotation with an unknown name; suggests the most similar known name, or lists all of them. */
export function unknownAnnotation(name: string): Rejection {
	const guess = nearest(name);
	const hint = guess === undefined ? KNOWN_NAMES : `did you mean ${ANNOTATION_PREFIX}${guess}?`;
	return reject('unknown-annotation', `annotation ${quoted(ANNOTATION_PREFIX + name)} is unknown: ${hint}`);
}

/** Refuses an annotation with capital letters in its prefix. Its name is not checked yet. */
export function capitalLetters(annotation: string): Rejection {
	const name = annotation.slice(ANNOTATION_PREFIX.length);
	return reject(
		'unknown-annotation',
		`annotation ${quoted(annotation)} has capital letters before the slash: write ${quoted(ANNOTATION_PREFIX + name)}`,
	);
}
