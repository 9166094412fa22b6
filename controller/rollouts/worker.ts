import { LRUCache } from 'lru-cache';
import type { Workload } from '../workloads/workload.ts';
import type { Checks } from './checks.ts';
import { openMemory } from './memory.ts';
import { handled, recordPatch, rolloutPatch } from './patch.ts';
import { type SettleParts, settle } from './settle.ts';
import type { RolloutState } from './state.ts';
import type { Written } from './writer.ts';

/** What is done about one workload. Both functions may be called again after any failure. */
export interface Worker {
	/** Compares a workload with Vault, and does what follows without new pods. False: try again. */
	check(key: string): Promise<boolean>;
	/** Rolls a workload whose turn it is, if a last look at its pods and at Vault still says so. */
	roll(key: string): Promise<void>;
}

/** What a worker runs on. */
export interface WorkerParts extends SettleParts {
	readonly find: (key: string) => Workload | undefined;
	readonly checks: Checks;
	readonly isLeader: () => boolean;
}

/** Milliseconds until a workload is tried again whose change the API server refused. */
const REFUSED_WAIT = 60_000;
/** Milliseconds until a rollout is tried again that the API server could not take. */
const UNAVAILABLE_WAIT = 5_000;
/** Least milliseconds between two checks of a workload that somebody asks for. */
const REQUEST_INTERVAL = 10_000;
/** Requests that are remembered for that. */
const MAX_REQUESTS = 10_000;

/** Opens a worker. */
export function openWorker(parts: WorkerParts): Worker {
	const { find, checks, turns, writer, later, metrics, isLeader } = parts;
	const memory = openMemory();
	const requests = new LRUCache<string, true>({ max: MAX_REQUESTS, ttl: REQUEST_INTERVAL });

	/** Whether somebody asks for a check that is not handled yet. Limited for each workload. */
	const takeRequest = (key: string, { requested, state }: Workload): boolean => {
		if (requested === undefined || requested === state?.requested) return false;
		if (requests.has(key)) {
			later(key, REQUEST_INTERVAL);
			return false;
		}
		requests.set(key, true);
		return true;
	};
	const refused = async (workload: Workload, message: string): Promise<void> => {
		metrics.rollout('failed');
		await writer.tell(workload, 'RolloutImpossible', `it cannot be changed: the API server ${message}`);
	};

	const check = async (key: string): Promise<boolean> => {
		const found = find(key);
		if (found === undefined) {
			checks.forget(key);
			turns.forget(key);
			return true;
		}
		if (!isLeader()) return true;
		const recalled = memory.recall(found);
		// The watch brings the change of this process soon.
		if (recalled === undefined) return true;
		const { workload, isStripped } = recalled;
		const isRequested = takeRequest(key, workload);
		const decision = await checks.check(key, workload, isRequested);
		// Tried again soon.
		if (decision.kind === 'unavailable') return false;
		if (decision.kind === 'impossible') {
			await writer.tell(workload, 'RolloutImpossible', `its secrets are not compared: ${decision.problem}`);
			return true;
		}
		if (decision.kind !== 'roll') turns.forget(key);
		const record = async (state: RolloutState): Promise<boolean> => {
			const recorded = isRequested ? handled(workload, state) : state;
			const { generation } = workload;
			const written: Written = isStripped
				? { kind: 'done', generation }
				: await writer.patch(workload, recordPatch(workload, recorded));
			if (written.kind === 'done') memory.remember(workload, recorded, written.generation);
			if (written.kind === 'refused') await refused(workload, written.message);
			return written.kind === 'done';
		};
		return await settle(parts, { key, workload, isRequested }, decision, record);
	};

	const roll = async (key: string): Promise<void> => {
		const found = find(key);
		const recalled = found && memory.recall(found);
		// The watch brings the change of this process soon.
		if (found !== undefined && recalled === undefined) return;
		const workload = recalled?.workload;
		const decision = workload && (await checks.check(key, workload, true));
		if (decision?.kind === 'unavailable') return turns.postpone(key, UNAVAILABLE_WAIT);
		if (workload === undefined || decision?.kind !== 'roll') {
			turns.forget(key);
			later(key);
			return;
		}
		// A rollout follows a fresh look at Vault, which is what a request asks for.
		const at = new Date().toISOString();
		const state = handled(workload, { ...decision.state, at });
		const written = await writer.patch(workload, rolloutPatch(workload, state, at));
		switch (written.kind) {
			case 'conflict':
				return;
			case 'unavailable':
				turns.postpone(key, UNAVAILABLE_WAIT);
				return;
			case 'refused':
				turns.forget(key);
				later(key, REFUSED_WAIT);
				return await refused(workload, written.message);
			default:
		}
		memory.remember(workload, state, written.generation);
		turns.started(key, written.generation);
		metrics.rollout('started');
		await writer.tell(
			workload,
			'SecretsChanged',
			`its secrets have changed: new pods with revision ${state.revision}`,
		);
	};
	return { check, roll };
}
