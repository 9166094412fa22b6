import { type Backoff, halfJitter } from './backoff.ts';

/** A queue of keys. A key is worked on by one worker at a time, and waits once however often it was added. */
export interface WorkQueue {
	/** Adds a key, after `delay` ms. A key that is being worked on is worked on again afterwards. */
	add(key: string, delay?: number): void;
	/** Number of keys that wait or are worked on. */
	size(): number;
	/** Takes no more keys, and waits for the workers. */
	close(): Promise<void>;
}

/** How a queue works. */
export interface WorkQueueOptions {
	/** Keys at the same time. */
	readonly workers: number;
	/** Pauses before a key whose work failed is tried again. */
	readonly backoff: Backoff;
	/** Works on a key. False or a rejection: it failed, and is tried again. */
	readonly work: (key: string) => Promise<boolean>;
	/** Called for a rejection. */
	readonly onError: (key: string, error: unknown) => void;
}

/** Opens a queue. */
export function openWorkQueue({ workers, backoff, work, onError }: WorkQueueOptions): WorkQueue {
	const ready = new Set<string>();
	const delayed = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>();
	const working = new Map<string, Promise<void>>();
	/** Added while they were worked on. */
	const again = new Set<string>();
	const failures = new Map<string, number>();
	let closed = false;

	const start = (): void => {
		for (const key of ready) {
			if (closed || working.size >= workers) return;
			ready.delete(key);
			working.set(key, run(key));
		}
	};
	const run = async (key: string): Promise<void> => {
		// In a later turn, so that `working` has the key before its work ends.
		await Promise.resolve();
		const succeeded = await work(key).catch((error: unknown) => {
			onError(key, error);
			return false;
		});
		working.delete(key);
		if (succeeded) failures.delete(key);
		else {
			const count = (failures.get(key) ?? 0) + 1;
			failures.set(key, count);
			add(key, halfJitter(backoff, count, Math.random()));
		}
		if (again.delete(key)) add(key);
		start();
	};
	const add = (key: string, delay = 0): void => {
		if (closed) return;
		const waiting = delayed.get(key);
		const at = performance.now() + delay;
		if (delay > 0) {
			if (waiting !== undefined && waiting.at <= at) return;
			clearTimeout(waiting?.timer);
			const timer = setTimeout(() => add(key), delay).unref();
			delayed.set(key, { timer, at });
			return;
		}
		clearTimeout(waiting?.timer);
		delayed.delete(key);
		if (working.has(key)) again.add(key);
		else {
			ready.add(key);
			start();
		}
	};
	return {
		add,
		size: () => ready.size + working.size,
		close: async () => {
			closed = true;
			for (const { timer } of delayed.values()) clearTimeout(timer);
			ready.clear();
			await Promise.all(working.values());
		},
	};
}
