import type { MetricsRegistry } from '../../lib/metrics.ts';
import type { Outcome } from './outcome.ts';

/** What ManagedSecrets count. */
export interface ManagedSecretMetrics {
	looked(result: SyncResult): void;
}

/**
 * How a look ended. `off`: nothing may be written. `conflict`: somebody else changed the Secret at the same
 * time, and it is looked at again.
 */
export const SYNC_RESULTS = ['created', 'updated', 'unchanged', 'off', 'conflict', 'failed'] as const;
export type SyncResult = (typeof SYNC_RESULTS)[number];

/** What is looked up for each scrape. */
export interface ManagedSecretGauges {
	readonly all: () => number;
	readonly failing: () => number;
	/** Seconds by which the ManagedSecret is late that waits longest; 0 if none is late. */
	readonly overdue: () => number;
}

/** Adds the metrics of ManagedSecrets. */
export function addManagedSecretMetrics(
	registry: MetricsRegistry,
	gauges: ManagedSecretGauges,
): ManagedSecretMetrics {
	registry.computedGauge('envtier_controller_managed_secrets', 'ManagedSecrets of the cluster', gauges.all);
	registry.computedGauge(
		'envtier_controller_managed_secrets_failing',
		'ManagedSecrets whose last look at Vault failed',
		gauges.failing,
	);
	registry.computedGauge(
		'envtier_controller_managed_secrets_overdue_seconds',
		'Seconds by which the ManagedSecret is late that has waited longest for its look at Vault',
		gauges.overdue,
	);
	const looks = registry.counter(
		'envtier_controller_managed_secret_syncs_total',
		'Looks at ManagedSecrets, by how they ended',
		['result'],
	);
	for (const result of SYNC_RESULTS) looks.inc({ result }, 0);
	return { looked: (result) => looks.inc({ result }) };
}

/** The result that an outcome counts as. */
export function resultOf(outcome: Outcome): SyncResult {
	if (outcome.kind === 'synced') return outcome.change;
	return outcome.kind === 'failed' && outcome.reason === 'Conflict' ? 'conflict' : outcome.kind;
}
