import { randomUUID } from 'node:crypto';
import { type AuditFacts, type AuditNote, type AuditSink, resultOf } from './lines.ts';

/**
 * Runs one step of a larger operation, such as the copy of one secret, and audits it: an intent line before,
 * a result line after. Rejects as `work` does.
 *
 * @param statusOf the HTTP status for an outcome
 * @param versionOf the version that was written; the result line says it
 */
export type RecordStep = <T>(
	action: string,
	note: AuditNote,
	work: () => Promise<T>,
	statusOf?: (outcome: T) => number,
	versionOf?: (outcome: T) => number | undefined,
) => Promise<T>;

/** Makes the recorder of steps for one actor and request. */
export function stepRecorder(sink: AuditSink, now: () => Date, facts: () => AuditFacts): RecordStep {
	return async (action, { key = '', ...note }, work, statusOf = () => 200, versionOf) => {
		const eventId = randomUUID();
		const line = () => ({ time: now().toISOString(), ...facts(), action, eventId, key, ...note });
		const end = (status: number, version?: number): void => {
			const written = version === undefined ? {} : { version };
			sink({ phase: 'result', ...line(), result: resultOf(status, true), status, ...written });
		};
		sink({ phase: 'intent', ...line() });
		try {
			const outcome = await work();
			end(statusOf(outcome), versionOf?.(outcome));
			return outcome;
		} catch (thrown) {
			end(500);
			throw thrown;
		}
	};
}
