import { randomUUID } from 'node:crypto';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { refuse } from '../problem.ts';
import type { AuditStamp } from '../secrets/metadata.ts';
import { StoreFailure } from '../store/store.ts';

/**
 * The time limit of an attempt, or of its undo. Vault cannot remove an entry on condition that it is
 * unchanged. So each request that could damage a later attempt must start within the limit. Another process
 * takes over only after the last such request has ended.
 */
export interface TimeLimit {
	/** The time now: the start time plus the time elapsed since. */
	readonly now: () => Date;
	/** True once the work must stop. Another process may take it over some time after that. */
	readonly expired: () => boolean;
	/** Throws a `StoreFailure` once the limit has expired. */
	readonly check: () => void;
}

/** One attempt to create a deployment. Its id marks the journal and each copied secret. */
export interface Attempt extends TimeLimit {
	readonly id: string;
}

/** Who creates a deployment, in which attempt, and where each step of it is audited. */
export interface AttemptContext extends AuditStamp {
	readonly step: RecordStep;
	readonly requestId: string;
	readonly attempt: Attempt;
}

/** The shared context of the undo steps: the id of the attempt, its time limit and its audit. */
export interface UndoSteps {
	readonly attempt: string;
	readonly limit: TimeLimit;
	readonly step: RecordStep;
}

/** The action of the audit lines that an undo writes. */
export const UNDO_ACTION = 'deployments.undo';

/** Milliseconds after which an attempt or an undo stops. Its last request ends before another takes over. */
const TIME_LIMIT = 60_000;

/**
 * Starts an attempt with a random id.
 *
 * @param at the time now, by the caller's clock: the journal stores it as the start of the attempt
 */
export function startAttempt(at: Date): Attempt {
	return { id: randomUUID(), ...startTimeLimit(at) };
}

/**
 * Starts the time limit of an attempt or an undo.
 *
 * @param at the time now, by the caller's clock
 */
export function startTimeLimit(at: Date): TimeLimit {
	const started = { wall: Date.now(), steady: performance.now() };
	// The monotonic clock stops while a machine is suspended. The wall clock may be set back.
	const elapsed = () => Math.max(Date.now() - started.wall, performance.now() - started.steady);
	const expired = () => elapsed() > TIME_LIMIT;
	return {
		now: () => new Date(at.getTime() + elapsed()),
		expired,
		check: () => {
			if (expired())
				throw new StoreFailure(
					'unavailable',
					`the store was too slow: after ${TIME_LIMIT / 1000} s nothing more is changed; what is unfinished is undone later`,
				);
		},
	};
}

/** Refuses because another attempt or an undo uses the name. */
export const refuseBusy = () =>
	refuse(
		409,
		'a deployment of that name is being created, or an attempt is being undone; try again in a moment',
	);
