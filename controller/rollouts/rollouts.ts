import type { Logger } from 'pino';
import { openWorkQueue } from '../../lib/work-queue.ts';
import type { RunningReconciler } from '../reconciler.ts';
import { jittered, repeat } from '../repeat.ts';
import { watchWorkloads } from '../workloads/views.ts';
import { type CheckParts, openChecks } from './checks.ts';
import type { RolloutMetrics } from './metrics.ts';
import type { RolloutSettings } from './settings.ts';
import { openTurns } from './turns.ts';
import { openWorker } from './worker.ts';
import { openWriter } from './writer.ts';

/** What the rollouts run on. */
export interface RolloutParts extends Omit<CheckParts, 'stale'> {
	readonly settings: RolloutSettings;
	readonly fieldManager: string;
	readonly metrics: Pick<RolloutMetrics, 'changed' | 'rollout'>;
	readonly log: Logger;
	/** Whether this replica leads. Nothing is written otherwise. */
	readonly isLeader: () => boolean;
}

/** Running rollouts. */
export interface Rollouts extends RunningReconciler {
	workloads(): number;
	pending(): number;
	running(): number;
}

const WORKERS = 4;
const BACKOFF = { first: 500, longest: 60_000 };
/** Milliseconds between two looks for rollouts that may start. */
const TICK = 1_000;

/** Follows the workloads, and rolls those whose secrets change. */
export async function startRollouts(parts: RolloutParts): Promise<Rollouts> {
	const { client, folders, settings, metrics, log, isLeader } = parts;
	// With its jitter, each resync lists all pods again.
	const checks = openChecks({ ...parts, stale: settings.resync / 2 });
	const ending = new AbortController();
	const queue = openWorkQueue({
		...{ workers: WORKERS, backoff: BACKOFF, work: (key) => worker.check(key) },
		onError: (key, error) =>
			log.error({ key, problem: String(error) }, 'a defect: a workload could not be checked'),
	});
	const views = await watchWorkloads(client, log, (key) => queue.add(key));
	const turns = openTurns(views.all, settings.limits);
	const worker = openWorker({
		...{ find: views.get, checks, turns, metrics, isLeader, log },
		writer: openWriter(client, parts),
		later: queue.add,
	});

	const poll = async (): Promise<void> => {
		const readers = checks.readers();
		const changed = await folders.refresh(new Set(readers.keys()));
		for (const folder of changed) for (const key of readers.get(folder) ?? []) queue.add(key);
	};
	const start = async (): Promise<void> => {
		for (const key of turns.startable()) {
			if (ending.signal.aborted) return;
			await worker.roll(key);
		}
	};
	const resync = (): void => {
		for (const [key] of views.all()) queue.add(key);
	};
	const loops = [
		repeat(ending.signal, () => jittered(settings.resync), resync),
		repeat(ending.signal, () => jittered(settings.period), poll),
		repeat(ending.signal, () => TICK, start),
	];
	return {
		workloads: () => views.all().length,
		// Also those whose rollout would start no pods.
		pending: () => views.all().filter(([, { state }]) => state?.pending !== undefined).length,
		running: turns.running,
		close: async () => {
			ending.abort();
			views.close();
			await queue.close();
			await Promise.all(loops);
		},
	};
}
