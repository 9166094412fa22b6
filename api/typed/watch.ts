/** When a watch looks, in ms: after the start, and between two looks. */
export interface WatchTimes {
	readonly first: number;
	readonly interval: number;
}

/**
 * Looks some time after the start, and then at each interval. One look at a time. Returns a function that
 * stops it.
 *
 * @param failed called when a look rejects
 */
export function startWatch(
	look: () => Promise<void>,
	failed: (thrown: unknown) => void,
	{ first, interval }: WatchTimes,
): () => void {
	let running = false;
	const run = async (): Promise<void> => {
		if (running) return;
		running = true;
		try {
			await look();
		} catch (thrown) {
			failed(thrown);
		} finally {
			running = false;
		}
	};
	const timer = setInterval(() => void run(), interval).unref();
	const start = setTimeout(() => void run(), first).unref();
	return () => {
		clearTimeout(start);
		clearInterval(timer);
	};
}
