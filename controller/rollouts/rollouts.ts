import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { openWorkQueue } from '../../lib/work-queue.ts';
import type { Metrics } from '../metrics.ts';
import type { RolloutSettings } from '../settings.ts';
import { watchWorkloads } from '../workloads/views.ts';
import { type Workload, workloadName } from '../workloads/workload.ts';
import { type CheckParts, openChecks } from './checks.ts';
import type { Decision } from './decide.ts';
import { recordPatch, rolloutPatch } from './patch.ts';
import type { RolloutState } from './state.ts';
import { openTurns } from './turns.ts';
import { openWriter } from './writer.ts';

/** What the rollouts run on. */
export interface RolloutParts extends CheckParts {
	readonly settings: RolloutSettings;
	readonly fieldManager: string;
	readonly metrics: Pick<Metrics, 'changed' | 'rollout'>;
	readonly log: Logger;
	/** Whether this replica leads. Nothing is written otherwise. */
	readonly isLeader: () => boolean;
}

/** Running rollouts. */
export interface Rollouts {
	workloads(): number;
	pending(): number;
	running(): number;
	/** Ends the watches, and waits for the request in flight. */
	close(): Promise<void>;
}

const WORKERS = 4;
const BACKOFF = { first: 500, longest: 60_000 };
/** Milliseconds until a pod is asked again that has not told what it read. */
const POD_WAIT = 5_000;
/** Milliseconds until a workload is tried again whose change the API server refused. */
const REFUSED_WAIT = 60_000;
/** Milliseconds between two looks for rollouts that may start. */
const TICK = 1_000;
/** Least milliseconds between two checks of a workload that somebody asks for. */
const REQUEST_INTERVAL = 10_000;
/** Requests that are remembered for that. */
const MAX_REQUESTS = 10_000;
const JITTER = 0.2;

/** Follows the workloads, and rolls those whose secrets change. */
export async function startRollouts(parts: RolloutParts): Promise<Rollouts> {
	const { client, folders, settings, metrics, log, isLeader } = parts;
	const checks = openChecks(parts);
	const writer = openWriter(client, parts);
	const requests = new LRUCache<string, true>({ max: MAX_REQUESTS, ttl: REQUEST_INTERVAL });
	const ending = new AbortController();

	/** Whether somebody asks for a check that is not handled yet. Limited for each workload. */
	const isRequested = (key: string, { requested, state }: Workload): boolean => {
		if (requested === undefined || requested === state?.requested) return false;
		if (requests.has(key)) {
			queue.add(key, REQUEST_INTERVAL);
			return false;
		}
		requests.set(key, true);
		return true;
	};
	const record = async (workload: Workload, state: RolloutState): Promise<boolean> => {
		const written = await writer.patch(workload, recordPatch(workload, state));
		if (written.kind === 'refused') await refused(workload, written.message);
		return written.kind === 'done';
	};
	const refused = async (workload: Workload, message: string): Promise<void> => {
		metrics.rollout('failed');
		await writer.tell(workload, 'RolloutImpossible', `it cannot be changed: the API server ${message}`);
	};

	/** Does what a decision asks for that starts no pods. */
	const settle = async (
		key: string,
		workload: Workload,
		decision: Exclude<Decision, { readonly kind: 'roll' }>,
		asked: boolean,
	): Promise<boolean> => {
		switch (decision.kind) {
			case 'wait':
				queue.add(key, POD_WAIT);
				return true;
			case 'blocked':
				await writer.tell(workload, 'RolloutBlocked', `its secrets have changed, but ${decision.reason}`);
				return true;
			case 'reverted':
				metrics.rollout('reverted');
				await writer.tell(
					workload,
					'RolloutReverted',
					`revision ${decision.state.reverted} was taken off its pod template (rollout.envtier.dev/revision); it is not written again`,
				);
				return await record(workload, decision.state);
			case 'record': {
				const { state, why } = decision;
				const done = await record(workload, state);
				if (done)
					log.info({ workload: workloadName(workload), revision: state.revision, why }, 'revision recorded');
				return done;
			}
			case 'nothing':
				return !asked || workload.state === undefined || (await record(workload, workload.state));
			default:
				return decision satisfies never;
		}
	};

	/** Checks one workload. False: try again. */
	const work = async (key: string): Promise<boolean> => {
		const workload = views.get(key);
		if (workload === undefined) {
			checks.forget(key);
			turns.forget(key);
			return true;
		}
		if (!isLeader()) return true;
		const asked = isRequested(key, workload);
		const decision = await checks.check(key, workload, asked);
		if (typeof decision === 'string') {
			await writer.tell(workload, 'RolloutImpossible', `its secrets are not compared: ${decision}`);
			return true;
		}
		if (decision.kind === 'roll') {
			if (turns.wait(key, workload, asked)) metrics.changed();
			return true;
		}
		turns.forget(key);
		return await settle(key, workload, decision, asked);
	};

	/** Rolls one workload, if a last look at its pods and at Vault still says so. */
	const roll = async (key: string): Promise<void> => {
		const workload = views.get(key);
		const decision = workload && (await checks.check(key, workload, true));
		if (workload === undefined || typeof decision !== 'object' || decision.kind !== 'roll') {
			turns.forget(key);
			queue.add(key);
			return;
		}
		const { state } = decision;
		const written = await writer.patch(workload, rolloutPatch(workload, state, new Date().toISOString()));
		if (written.kind === 'conflict') return;
		if (written.kind === 'refused') {
			turns.forget(key);
			queue.add(key, REFUSED_WAIT);
			await refused(workload, written.message);
			return;
		}
		turns.started(key, written.generation);
		metrics.rollout('started');
		await writer.tell(
			workload,
			'SecretsChanged',
			`its secrets have changed: new pods with revision ${state.revision}`,
		);
	};

	const queue = openWorkQueue({
		...{ workers: WORKERS, backoff: BACKOFF, work },
		onError: (key, error) =>
			log.error({ key, problem: String(error) }, 'a defect: a workload could not be checked'),
	});
	const views = await watchWorkloads(client, log, (key) => queue.add(key));
	const turns = openTurns(views.all, settings.limits);

	const pause = (ms: number): Promise<void> =>
		sleep(ms, undefined, { signal: ending.signal, ref: false }).catch(() => undefined);
	const repeat = async (wait: () => number, step: () => Promise<void>): Promise<void> => {
		while (!ending.signal.aborted) {
			await pause(wait());
			if (!ending.signal.aborted) await step();
		}
	};
	const poll = async (): Promise<void> => {
		const readers = checks.readers();
		const changed = await folders.refresh(new Set(readers.keys()));
		for (const folder of changed) for (const key of readers.get(folder) ?? []) queue.add(key);
	};
	const start = async (): Promise<void> => {
		for (const key of turns.startable()) {
			if (ending.signal.aborted) return;
			await roll(key);
		}
	};
	const loops = [
		repeat(() => settings.period * (1 - JITTER + 2 * JITTER * Math.random()), poll),
		repeat(() => TICK, start),
	];
	return {
		workloads: () => views.all().length,
		pending: turns.pending,
		running: turns.running,
		close: async () => {
			ending.abort();
			views.close();
			await queue.close();
			await Promise.all(loops);
		},
	};
}
