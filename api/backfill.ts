import type { Logger } from 'pino';

/** Tasks that write what an earlier version did not, by their names in the log. Each returns a count. */
export type BackfillTasks = Readonly<Record<string, () => Promise<number>>>;

/**
 * Runs each task now and then every `interval` milliseconds, one after another. A failed task does not stop
 * the others, and runs again the next time. Returns a function that stops it.
 */
export function startBackfill(tasks: BackfillTasks, log: Logger, interval: number): () => void {
	let running = false;
	const run = async (): Promise<void> => {
		if (running) return;
		running = true;
		for (const [what, task] of Object.entries(tasks))
			try {
				const count = await task();
				if (count > 0) log.info({ count }, `${what} written`);
			} catch (thrown) {
				log.warn({ problem: String(thrown) }, `${what} could not be written yet`);
			}
		running = false;
	};
	const timer = setInterval(() => void run(), interval).unref();
	void run();
	return () => clearInterval(timer);
}
