import { ANNOTATION_PREFIX, isUnderPrefix } from '../../contract/names.ts';
import { object } from '../../lib/json.ts';

/**
 * Prefixes that people write by mistake: another domain, or swapped letters. The same as in
 * deploy/manifests/base/notices.yaml.
 */
const ALIKE = /^[^/]*(?:envtier|env-tier|nevtier|evntier|entvier|enviter|envteir|envtire)[^/]*\//i;

/** True when the name of an annotation or a label has Envtier's prefix, or a similar one. */
export function isLookAlike(name: string): boolean {
	return ALIKE.test(name);
}

/** Maximum number of sentences. */
const SHOWN = 5;

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1);

/**
 * Sentences about metadata that the webhook does not read: annotations with a prefix that only resembles
 * ours, and labels.
 *
 * @param metadata metadata of the pod or of a pod template
 */
export function lookAlikes(metadata: unknown): readonly string[] {
	const found = object(metadata);
	const annotations = Object.keys(object(found?.['annotations']) ?? {})
		.filter((name) => !isUnderPrefix(name) && isLookAlike(name))
		.map(
			(name) =>
				`annotation ${JSON.stringify(name)} is none of Envtier: write ${JSON.stringify(ANNOTATION_PREFIX + nameOf(name))}`,
		);
	const labels = Object.keys(object(found?.['labels']) ?? {})
		.filter(isLookAlike)
		.map(
			(name) =>
				`label ${JSON.stringify(name)} is not read by Envtier, which reads annotations of pods: write the annotation ${JSON.stringify(ANNOTATION_PREFIX + nameOf(name))}`,
		);
	const all = [...annotations, ...labels];
	return all.length > SHOWN ? [...all.slice(0, SHOWN), `and ${all.length - SHOWN} more of this kind`] : all;
}
