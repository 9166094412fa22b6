import { randomUUID } from 'node:crypto';
import type { AuditSink } from '../../lib/audit/lines.ts';
import { type RecordStep, stepRecorder } from '../../lib/audit/steps.ts';
import { createAsk } from '../../lib/vault/ask.ts';
import { openSession } from '../../lib/vault/session.ts';
import type { Reconciler, ReconcilerParts } from '../reconciler.ts';
import { addRotationMetrics } from './metrics.ts';
import { type Rotation, startRotation } from './rotation.ts';
import type { RotationSettings } from './settings.ts';
import { openRotationVault } from './vault.ts';

/** The actor of the audit lines. */
const ACTOR = 'system:rotation';

/** Gives passwords that are due a new value. It logs in to Vault with a role of its own. */
export function rotationReconciler(
	{ vault: { client, mount }, registry, log, isLeader }: ReconcilerParts,
	{ login, period, perMinute }: RotationSettings,
	audit: AuditSink,
): Reconciler {
	const session = openSession(client, login, log);
	const vault = openRotationVault(client, createAsk({ client, session, observe: () => undefined }), mount);
	let rotation: Rotation | undefined;
	const metrics = addRotationMetrics(registry, {
		rotating: () => rotation?.rotating() ?? 0,
		due: () => rotation?.due() ?? 0,
		lookAge: () => rotation?.lookAge() ?? 0,
	});
	const step: RecordStep = (...args) => {
		const facts = { actor: ACTOR, via: 'system', requestId: randomUUID(), ip: '' } as const;
		return stepRecorder(
			audit,
			() => new Date(),
			() => facts,
		)(...args);
	};
	return {
		name: 'rotation',
		start: () => {
			const running = startRotation({ vault, step, period, perMinute, metrics, log, isLeader });
			rotation = running;
			return Promise.resolve({
				close: async () => {
					await running.close();
					session.close();
				},
			});
		},
	};
}
