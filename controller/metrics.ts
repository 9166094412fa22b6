import type { MetricsRegistry } from '../lib/metrics.ts';

/** Adds what the controller tells whichever of its reconcilers are on. Each of them adds its own metrics. */
export function addProcessMetrics(registry: MetricsRegistry, version: string, isLeader: () => boolean): void {
	registry
		.gauge('envtier_controller_build_info', 'Version of the controller', ['version'])
		.set({ version }, 1);
	registry.computedGauge('envtier_controller_leader', '1 on the replica that leads', () =>
		isLeader() ? 1 : 0,
	);
}
