import type { Tier } from '../../contract/tiers.ts';
import type { MetricsRegistry } from '../../lib/metrics.ts';

/** What rollouts count. */
export interface RolloutMetrics {
	polled(result: 'ok' | 'failed'): void;
	changed(): void;
	rollout(result: RolloutResult): void;
}

/**
 * `started`: new pods were asked for. `reverted`: somebody took the revision off the template. `failed`: the
 * API server refused the change.
 */
export const ROLLOUT_RESULTS = ['started', 'reverted', 'failed'] as const;
export type RolloutResult = (typeof ROLLOUT_RESULTS)[number];

/** What is looked up for each scrape. */
export interface RolloutGauges {
	readonly workloads: () => number;
	readonly pending: () => number;
	readonly running: () => number;
	/** Seconds since the last successful read, by scope, of the folder that was read least recently. */
	readonly pollAges: () => Record<Tier, number>;
}

/** Adds the metrics of rollouts. */
export function addRolloutMetrics(registry: MetricsRegistry, gauges: RolloutGauges): RolloutMetrics {
	registry.computedGauge(
		'envtier_controller_workloads',
		'Workloads whose pods ask for rollouts',
		gauges.workloads,
	);
	registry.computedGauge(
		'envtier_controller_rollouts_pending',
		'Workloads whose secrets have changed and that wait for their rollout',
		gauges.pending,
	);
	registry.computedGauge(
		'envtier_controller_rollouts_running',
		'Rollouts of the controller that are running',
		gauges.running,
	);
	registry.computedGauges(
		'envtier_controller_oldest_poll_seconds',
		'Seconds since the last successful read of versions, of the folder of a scope (org, deployment, service) that was read least recently',
		'scope',
		gauges.pollAges,
	);
	const polls = registry.counter(
		'envtier_controller_polls_total',
		'Reads of the versions in a folder of Vault',
		['result'],
	);
	const changes = registry.counter('envtier_controller_changes_total', 'Changes of a workload’s secrets');
	const rollouts = registry.counter('envtier_controller_rollouts_total', 'Rollouts of workloads', ['result']);
	for (const result of ['ok', 'failed']) polls.inc({ result }, 0);
	for (const result of ROLLOUT_RESULTS) rollouts.inc({ result }, 0);
	return {
		polled: (result) => polls.inc({ result }),
		changed: () => changes.inc(),
		rollout: (result) => rollouts.inc({ result }),
	};
}
