import pLimit from 'p-limit';

/**
 * Maps with at most `limit` calls at a time. Returns the results in order. After a rejection no further call
 * starts.
 */
export async function mapAtMost<T, R>(
	limit: number,
	items: readonly T[],
	work: (item: T) => Promise<R>,
): Promise<R[]> {
	const errors: unknown[] = [];
	const results = await pLimit(limit).map(items, async (item) => {
		if (errors.length > 0) return undefined;
		try {
			return { value: await work(item) };
		} catch (thrown) {
			errors.push(thrown);
			return undefined;
		}
	});
	// Throws only after all calls have ended: the caller may undo what they did.
	if (errors.length > 0) throw errors[0];
	return results.flatMap((result) => (result === undefined ? [] : [result.value]));
}

/** Runs work; returns undefined without running it when the queue is full or its wait was too long. */
type Queue = <T>(work: () => Promise<T>) => Promise<T | undefined>;

/**
 * Creates a queue that runs at most `atOnce` pieces of work at a time.
 *
 * @param waiting how many may wait, and how many milliseconds one may wait at most
 */
export function createQueue(
	atOnce: number,
	waiting: { readonly most: number; readonly longest: number },
): Queue {
	const limit = pLimit(atOnce);
	return async (work) => {
		if (limit.activeCount + limit.pendingCount >= atOnce + waiting.most) return undefined;
		const start = performance.now();
		return await limit(async () => (performance.now() - start > waiting.longest ? undefined : await work()));
	};
}

/**
 * Returns a function that calls `ask` at most once in `interval` milliseconds, never twice at a time. Other
 * calls share its result.
 */
export function atMostEvery<T>(interval: number, ask: () => Promise<T>): () => Promise<T> {
	let last: Promise<T> | undefined;
	let next = 0;
	let pending = false;
	return () => {
		if (last !== undefined && (pending || performance.now() < next)) return last;
		next = performance.now() + interval;
		pending = true;
		last = ask().finally(() => {
			pending = false;
		});
		return last;
	};
}
