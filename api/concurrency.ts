/** Maps with at most `limit` calls under way; gives the outcomes in order. After a rejection no further call starts. */
export async function mapAtMost<T, R>(
	limit: number,
	items: readonly T[],
	work: (item: T) => Promise<R>,
): Promise<R[]> {
	const outcomes: R[] = new Array(items.length);
	const queue = items.entries();
	let failed = false;
	const worker = async (): Promise<void> => {
		for (const [i, item] of queue) {
			if (failed) return;
			try {
				outcomes[i] = await work(item);
			} catch (thrown) {
				failed = true;
				throw thrown;
			}
		}
	};
	const settled = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
	// Only now: whoever undoes things after a failure must know that nothing is still under way.
	for (const one of settled) if (one.status === 'rejected') throw one.reason;
	return outcomes;
}
