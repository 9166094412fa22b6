import { type AuditFacts, type AuditNote, type AuditSink, resultOf } from './lines.ts';

/**
 * Does one step of a larger piece of work, such as the copy of one secret, and audits it by itself: an intent line before, a result
 * line after. Rejects as `work` does.
 *
 * @param statusOf the HTTP status that stands for an outcome
 */
export type RecordStep = <T>(
	action: string,
	note: AuditNote,
	work: () => Promise<T>,
	statusOf?: (outcome: T) => number,
) => Promise<T>;

/** Makes the recorder of steps for one actor and request. */
export function stepRecorder(sink: AuditSink, now: () => Date, facts: () => AuditFacts): RecordStep {
	return async (action, { scope, key = '' }, work, statusOf = () => 200) => {
		const line = () => ({ time: now().toISOString(), ...facts(), action, scope, key });
		const end = (status: number): void =>
			sink({ phase: 'result', ...line(), result: resultOf(status, true), status });
		sink({ phase: 'intent', ...line() });
		try {
			const outcome = await work();
			end(statusOf(outcome));
			return outcome;
		} catch (thrown) {
			end(500);
			throw thrown;
		}
	};
}
