import { randomUUID } from 'node:crypto';
import type { RecordStep } from '../audit/steps.ts';
import { refuse } from '../problem.ts';
import type { AuditStamp } from '../secrets/secrets.ts';

/** One attempt to create a deployment. Its id marks the journal and each copied secret. */
export interface Attempt {
	readonly id: string;
	/** True once the attempt must give up. Another process may undo it some time after that. */
	readonly expired: () => boolean;
}

/** Who creates a deployment, in which attempt, and where each step of it is audited. */
export interface AttemptContext extends AuditStamp {
	readonly step: RecordStep;
	readonly requestId: string;
	readonly attempt: Attempt;
}

/** The action of the audit lines that an undo writes. */
export const UNDO_ACTION = 'deployments.undo';

/** Milliseconds after which an attempt gives up. Its requests end before another process undoes it. */
const ATTEMPT_TIME = 60_000;

/** Starts an attempt with a random id. */
export function startAttempt(): Attempt {
	const started = { wall: Date.now(), steady: performance.now() };
	// The steady clock stops while a machine is suspended. The wall clock may be set back.
	const elapsed = () => Math.max(Date.now() - started.wall, performance.now() - started.steady);
	return { id: randomUUID(), expired: () => elapsed() > ATTEMPT_TIME };
}

/** Refuses because another attempt or an undo has the name. */
export const refuseBusy = () =>
	refuse(
		409,
		'a deployment of that name is being made, or an attempt is being undone; try again in a moment',
	);
