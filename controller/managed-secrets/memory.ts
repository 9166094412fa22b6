import { halfJitter } from '../../lib/backoff.ts';
import type { DueReason, Memory } from './due.ts';
import type { Outcome } from './outcome.ts';
import type { ManagedSecretStatus } from './resource.ts';

/** What this process remembers of one ManagedSecret. */
export interface Remembered extends Memory {
	readonly uid: string;
	/** The status that it wrote last: the watch may not have brought it back yet. */
	readonly status?: ManagedSecretStatus | undefined;
	/** Failures one after the other. */
	readonly failures: number;
	/** Repairs of its Secret, each soon after the last one. */
	readonly repairs: number;
	/** When the last one was, in ms since 1970. */
	readonly repairedAt: number;
}

/** Pauses after a look that failed, and between repairs of a Secret that somebody keeps changing, in ms. */
export const BACKOFF = { first: 2_000, longest: 300_000 };
/** A Secret that is changed again within this time after a repair makes the next pause longer, in ms. */
const FIGHT = 600_000;

/** Nothing is remembered of an object yet. */
export function emptyMemory(uid: string): Remembered {
	return { uid, failures: 0, repairs: 0, repairedAt: Number.NEGATIVE_INFINITY };
}

/** A look at a ManagedSecret that has ended. */
export interface Look {
	readonly generation: number;
	readonly why: DueReason;
	readonly outcome: Outcome;
	/** Undefined: it could not be written. */
	readonly status: ManagedSecretStatus | undefined;
	/** In ms since 1970. */
	readonly now: number;
}

/** What is remembered after a look: also when the next attempt may be, at the earliest. */
export function memoryAfter(before: Remembered, look: Look): Remembered {
	const { generation, outcome, status, now } = look;
	const isFailed = outcome.kind === 'failed' || status === undefined;
	const failures = isFailed ? before.failures + 1 : 0;
	const repaired = repairsAfter(before, look);
	const count = isFailed ? failures : repaired.pausesAfter;
	return {
		...{ uid: before.uid, failures, generation, status: status ?? before.status },
		...{ repairs: repaired.repairs, repairedAt: repaired.repairedAt },
		version: outcome.kind === 'synced' ? outcome.version : before.version,
		notBefore: count === 0 ? undefined : now + halfJitter(BACKOFF, count, Math.random()),
	};
}

function repairsAfter({ repairs, repairedAt }: Remembered, { why, now }: Look) {
	if (why !== 'secret-gone' && why !== 'secret-changed') return { repairs, repairedAt, pausesAfter: 0 };
	const count = (now - repairedAt < FIGHT ? repairs : 0) + 1;
	return { repairs: count, repairedAt: now, pausesAfter: count };
}
