import { useRef } from 'preact/hooks';
import { gather, type Held, type LoadBound, NOTHING } from '../state/pages.ts';
import type { Answer } from './client.ts';
import { useCall } from './context.ts';
import { type Loaded, useLoader } from './load.ts';

/** What a list loads at first, and again with each "Load more". */
const STEP: LoadBound = { entries: 2_000, requests: 20 };

/** A list that is loaded in parts. */
export interface Pages<T> extends Loaded<readonly T[]> {
	/** Loads the next part; undefined when all is loaded. */
	readonly more: (() => Promise<void>) | undefined;
}

/** Loads a list of the API in parts. Undefined: nothing to load. */
export function usePages<T>(path: string | undefined): Pages<T> {
	const send = useCall();
	const join = path?.includes('?') ? '&' : '?';
	return useParts<T>(path, STEP, (page, signal) =>
		send<readonly T[]>('GET', `${path}${join}page=${encodeURIComponent(page)}`, { signal }),
	);
}

/**
 * Loads something in parts, again when the key or the organization changes. Undefined: nothing to load.
 *
 * @param step what one part is
 * @param read reads the page with this name; the first page has the empty name
 */
export function useParts<T>(
	key: string | undefined,
	step: LoadBound,
	read: (page: string, signal: AbortSignal) => Promise<Answer<readonly T[]>>,
): Pages<T> {
	const parts = useRef({ key, count: 1 });
	const loaded = useLoader<Held<T>>(key, async (signal, before) => {
		const known = parts.current.key === key ? parts.current.count : 0;
		// What is loaded again has as many parts as before: a row that somebody looks at stays.
		const count = before === undefined ? Math.max(1, known) : 1;
		const bound = { entries: count * step.entries, requests: count * step.requests };
		parts.current = { key, count: before === undefined ? count : known + 1 };
		const answer = await gather((page) => read(page, signal), before ?? NOTHING, bound);
		return answer.ok ? { ...answer, next: undefined } : answer;
	});
	const { value, reload, extend } = loaded;
	return {
		...loaded,
		value: value?.entries,
		reload: async () => (await reload())?.entries,
		more: value?.next === undefined ? undefined : async () => void (await extend()),
	};
}

/** Two lists as one: the second one after the first. */
export function useBoth<T>(first: Pages<T>, second: Pages<T>, hasFirst: boolean): Pages<T> {
	const value = second.value && (hasFirst ? first.value && [...first.value, ...second.value] : second.value);
	return {
		value,
		failure: first.failure ?? second.failure,
		isLoading: (hasFirst && first.isLoading) || second.isLoading,
		reload: async () => {
			const [one, two] = await Promise.all([hasFirst ? first.reload() : [], second.reload()]);
			return one && two && [...one, ...two];
		},
		more: (hasFirst ? first.more : undefined) ?? second.more,
	};
}
