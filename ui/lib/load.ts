import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Answer, Failure } from './client.ts';
import { useApp, useCall } from './context.ts';

/** Something that is loaded, with what was loaded before while it loads again. */
export interface Loaded<T> {
	readonly value: T | undefined;
	readonly failure: Failure | undefined;
	readonly isLoading: boolean;
	readonly reload: () => Promise<T | undefined>;
}

/** Loads a path of the API, again when the path or the organization changes. Undefined: nothing to load. */
export function useLoad<T>(path: string | undefined): Loaded<T> {
	const send = useCall();
	return useLoader<T>(path, async (signal) => await send<T>('GET', path ?? '', { signal }));
}

/** A load that can go on after what is loaded. */
export interface Extendable<T> extends Loaded<T> {
	readonly extend: () => Promise<T | undefined>;
}

/**
 * Loads something, again when the key or the organization changes. Undefined: nothing to load.
 *
 * @param load takes what is loaded already, if it is to go on after that
 */
export function useLoader<T>(
	key: string | undefined,
	load: (signal: AbortSignal, before?: T) => Promise<Answer<T>>,
): Extendable<T> {
	const { org } = useApp();
	const [state, setState] = useState<{ value?: T; failure?: Failure; isLoading: boolean }>({
		isLoading: true,
	});
	const latest = useRef({ load, value: state.value });
	latest.current = { load, value: state.value };
	const running = useRef<AbortController>(undefined);
	const run = useCallback(async (before?: T): Promise<T | undefined> => {
		running.current?.abort();
		const controller = new AbortController();
		running.current = controller;
		setState((shown) => ({ ...shown, isLoading: true }));
		const answer = await latest.current.load(controller.signal, before);
		if (controller.signal.aborted) return undefined;
		setState((shown) =>
			answer.ok
				? { value: answer.value, isLoading: false }
				: { ...shown, failure: answer.failure, isLoading: false },
		);
		return answer.ok ? answer.value : undefined;
	}, []);
	useEffect(() => {
		setState({ isLoading: key !== undefined });
		if (key !== undefined) void run();
		return () => running.current?.abort();
	}, [key, org, run]);
	return {
		...{ value: state.value, failure: state.failure, isLoading: state.isLoading },
		reload: () => run(),
		extend: () => run(latest.current.value),
	};
}
