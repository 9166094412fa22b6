import type { Reconciler, ReconcilerParts } from '../reconciler.ts';
import { openMetadata } from '../vault/metadata.ts';
import { openFolders } from '../vault/poll.ts';
import { addRolloutMetrics } from './metrics.ts';
import { type Rollouts, startRollouts } from './rollouts.ts';
import type { RolloutSettings } from './settings.ts';

/** Rolls workloads when their secrets change. */
export function rolloutReconciler(parts: ReconcilerParts, settings: RolloutSettings): Reconciler {
	const { vault, registry, log } = parts;
	const reader = openMetadata(vault.client, vault.ask, vault.mount);
	const folders = openFolders(reader, log, (result) => metrics.polled(result));
	let rollouts: Rollouts | undefined;
	const metrics = addRolloutMetrics(registry, {
		workloads: () => rollouts?.workloads() ?? 0,
		pending: () => rollouts?.pending() ?? 0,
		running: () => rollouts?.running() ?? 0,
		pollAges: folders.ages,
	});
	return {
		name: 'rollouts',
		start: async () => {
			rollouts = await startRollouts({ ...parts, folders, settings, metrics });
			return rollouts;
		},
	};
}
