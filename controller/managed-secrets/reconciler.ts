import type { VaultEndpoint } from '../../lib/vault/types.ts';
import type { Reconciler, ReconcilerParts } from '../reconciler.ts';
import { type ManagedSecrets, startManagedSecrets } from './managed-secrets.ts';
import { addManagedSecretMetrics } from './metrics.ts';
import type { ManagedSecretSettings } from './settings.ts';
import { openVaultReader } from './vault-reader.ts';

/** Keeps the Secrets of ManagedSecrets up to date. */
export function managedSecretReconciler(
	parts: ReconcilerParts,
	settings: ManagedSecretSettings,
	endpoint: VaultEndpoint,
): Reconciler {
	let running: ManagedSecrets | undefined;
	const metrics = addManagedSecretMetrics(parts.registry, {
		all: () => running?.all() ?? 0,
		failing: () => running?.failing() ?? 0,
		overdue: () => running?.overdue() ?? 0,
	});
	return {
		name: 'managed-secrets',
		start: () => {
			const { authMount, kv } = settings;
			const reader = openVaultReader({ endpoint, authMount, kv });
			const started = startManagedSecrets({ ...parts, settings, metrics, reader });
			running = started;
			return Promise.resolve({
				close: async () => {
					await started.close();
					reader.close();
				},
			});
		},
	};
}
