import type { Logger } from 'pino';
import { type Decision, injectReason } from '../admission/decision.ts';
import type { AdmissionRequest } from '../admission/review.ts';
import { summaryOf } from '../patch/reverted-changes.ts';

/** Writes one log line for a decision: `info` for injected, `warn` for refused, `debug` for skipped. */
export function logDecision(log: Logger, request: AdmissionRequest, decision: Decision): void {
	const { uid, namespace, name: pod, owner, dryRun } = request;
	const workload = owner === undefined ? `Pod/${pod}` : `${owner.kind}/${owner.name}`;
	const which = { uid, namespace, workload, pod, dryRun };
	switch (decision.kind) {
		case 'skip':
			log.debug({ ...which, reason: decision.reason }, 'skipped');
			break;
		case 'reject':
			log.warn({ ...which, reason: decision.reason, message: decision.message }, 'refused');
			break;
		case 'inject': {
			const { role, tiers } = decision.plan.fetchSpec;
			const reconciled = decision.reconciled.length > 0;
			log.info(
				{
					...which,
					reason: injectReason(decision),
					role,
					tiers,
					...(reconciled ? { changes: summaryOf(decision.reconciled) } : {}),
				},
				reconciled ? 'reconciled' : 'injected',
			);
			break;
		}
		default:
			decision satisfies never;
	}
}
