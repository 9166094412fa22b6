import process from 'node:process';
import type { RunningController } from '../../test/cluster/apiserver/support/controller.ts';
import { until } from '../../test/support/until.ts';
import { peakOf } from './proc.ts';

/** Writes a line of the bench's report. */
export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Milliseconds as seconds, for a report. */
export const seconds = (ms: number): string => (ms / 1000).toFixed(1);

/** Stops a controller at the end, also when the time is over, and tells the highest memory of the run. */
export function stopsAtEnd({ process: { pid }, stop }: RunningController): AsyncDisposable {
	return {
		[Symbol.asyncDispose]: async () => {
			say(`highest memory ${peakOf(pid).toFixed(0)} MiB; ended after ${seconds(performance.now())} s`);
			await stop();
		},
	};
}

/**
 * Waits until a controller has nothing more to do: it sends the API server less than ten requests in two
 * seconds.
 *
 * @param requests the number of requests so far
 * @param timeoutMs rejects after this time
 */
export async function untilSteady(requests: () => number, timeoutMs: number): Promise<void> {
	let before = 0;
	const isSteady = (): boolean => {
		const now = requests();
		const few = now - before < 10;
		before = now;
		return few;
	};
	await until('steady state', isSteady, { timeoutMs, everyMs: 2_000 });
}
