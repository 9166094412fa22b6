import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { quoted } from '../admission/redact.ts';
import { type Rejection, reject } from '../admission/rejection.ts';
import type { PodOptions } from './annotations.ts';

/** The keys that a container gets, as text for the fetcher. Equal selections have equal texts. */
export interface SelectionText {
	readonly keys: string | undefined;
	readonly prefix: string | undefined;
}

/**
 * The selection of a container: its own annotations, else those for all containers. Undefined: everything.
 */
export function selectionFor(
	container: string,
	{ each, keys, prefix }: PodOptions,
): SelectionText | undefined {
	const own = { keys: each.keys.get(container), prefix: each.prefix.get(container) };
	const selection = own.keys !== undefined || own.prefix !== undefined ? own : { keys, prefix };
	return selection.keys === undefined && selection.prefix === undefined ? undefined : selection;
}

/** Whether a container must be started through a shell. */
export function isWrapRequested(container: string, { each, wrap }: PodOptions): boolean {
	return each.wrap.get(container) ?? wrap ?? false;
}

/** The first annotation of the pod that needs files: a selection, or wrap. */
export function needsFiles(options: PodOptions): string | undefined {
	const { each, keys, prefix } = options;
	const [ofKeys] = each.keys.keys();
	const [ofPrefix] = each.prefix.keys();
	if (keys !== undefined) return 'keys';
	if (prefix !== undefined) return 'prefix';
	if (ofKeys !== undefined) return `keys.${ofKeys}`;
	if (ofPrefix !== undefined) return `prefix.${ofPrefix}`;
	return wrapAnnotation(options);
}

/** The first annotation of the pod that requests a wrapper. */
export function wrapAnnotation({ each, wrap }: PodOptions): string | undefined {
	if (wrap) return 'wrap';
	const named = [...each.wrap].find(([, wrapped]) => wrapped);
	return named === undefined ? undefined : `wrap.${named[0]}`;
}

/** An annotation about a container that gets no secrets, most often a typo. */
export function annotationOfNonReader(
	{ each }: PodOptions,
	readers: ReadonlySet<string>,
): Rejection | undefined {
	for (const family of ['keys', 'prefix', 'wrap'] as const) {
		for (const name of each[family].keys()) {
			if (readers.has(name)) continue;
			return reject(
				'unknown-container',
				`annotation ${ANNOTATION_PREFIX}${family}.${name} is about ${quoted(name)}, which is none of the containers that get secrets: ${[...readers].slice(0, MAX_LISTED).map(quoted).join(', ')}${readers.size > MAX_LISTED ? ` and ${readers.size - MAX_LISTED} more` : ''}`,
			);
		}
	}
	return undefined;
}

const MAX_LISTED = 10;
