import type { Logger } from 'pino';
import { type Workload, workloadName } from '../workloads/workload.ts';
import type { Decision } from './decide.ts';
import type { RolloutMetrics } from './metrics.ts';
import type { RolloutState } from './state.ts';
import type { Turns } from './turns.ts';
import type { WorkloadWriter } from './writer.ts';

/** What a decision is carried out with. */
export interface SettleParts {
	readonly turns: Turns;
	readonly writer: WorkloadWriter;
	/** Has a workload checked after a delay in ms; now by default. */
	readonly later: (key: string, delay?: number) => void;
	readonly metrics: Pick<RolloutMetrics, 'changed' | 'rollout'>;
	readonly log: Logger;
}

/** A workload that was checked. */
export interface CheckedWorkload {
	readonly key: string;
	readonly workload: Workload;
	/** Whether somebody asked for the check: an answer is recorded, and no further change is waited for. */
	readonly isRequested: boolean;
}

/** Milliseconds until a pod is looked at again that has not told what it read. */
const POD_WAIT = 5_000;

/**
 * Does what a decision asks for that starts no pods.
 *
 * @param record writes the state to the workload; false: it was not written
 * @returns false: try again
 */
export async function settle(
	{ turns, writer, later, metrics, log }: SettleParts,
	{ key, workload, isRequested }: CheckedWorkload,
	decision: Decision,
	record: (state: RolloutState) => Promise<boolean>,
): Promise<boolean> {
	const { pending, blocked } = workload.state ?? {};
	/** Records that a change waits, for `envtier status`. */
	const wait = async (waiting: RolloutState): Promise<boolean> =>
		(!isRequested && pending === waiting.pending && blocked === waiting.blocked) || (await record(waiting));
	switch (decision.kind) {
		case 'roll':
			if (turns.wait(key, workload, isRequested)) metrics.changed();
			return await wait(decision.waiting);
		case 'wait':
			later(key, POD_WAIT);
			return true;
		case 'blocked':
			await writer.tell(workload, 'RolloutBlocked', `its secrets have changed, but ${decision.reason}`);
			return await wait(decision.waiting);
		case 'reverted':
			metrics.rollout('reverted');
			await writer.tell(
				workload,
				'RolloutReverted',
				`revision ${decision.state.reverted} was taken off its pod template (rollout.envtier.dev/revision); it is not written again`,
			);
			return await record(decision.state);
		case 'record': {
			const { state, why } = decision;
			const isRecorded = await record(state);
			if (isRecorded)
				log.info({ workload: workloadName(workload), revision: state.revision, why }, 'revision recorded');
			return isRecorded;
		}
		case 'nothing':
			return !isRequested || workload.state === undefined || (await record(workload.state));
		default:
			return decision satisfies never;
	}
}
