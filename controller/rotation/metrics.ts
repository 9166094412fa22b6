import type { MetricsRegistry } from '../../lib/metrics.ts';

/**
 * `done`: a new value was written. `changed`: somebody else wrote one first. `gone`: the secret was deleted
 * meanwhile. `failed`: Vault did not answer, or refused.
 */
export const ROTATION_RESULTS = ['done', 'changed', 'gone', 'failed'] as const;
export type RotationResult = (typeof ROTATION_RESULTS)[number];

/** What rotations count. */
export interface RotationMetrics {
	rotation(result: RotationResult): void;
}

/** What is looked up for each scrape. */
export interface RotationGauges {
	readonly rotating: () => number;
	readonly due: () => number;
	/** Seconds since the last look at which everything could be read. */
	readonly lookAge: () => number;
}

/** Adds the metrics of rotations. */
export function addRotationMetrics(registry: MetricsRegistry, gauges: RotationGauges): RotationMetrics {
	registry.computedGauge('envtier_controller_rotating_secrets', 'Passwords with a rotation', gauges.rotating);
	registry.computedGauge(
		'envtier_controller_rotations_due',
		'Passwords that are due and have no new value yet',
		gauges.due,
	);
	registry.computedGauge(
		'envtier_controller_rotation_look_age_seconds',
		'Seconds since the last look at which all passwords with a rotation could be read; 0 on a replica that does not lead',
		gauges.lookAge,
	);
	const rotations = registry.counter('envtier_controller_rotations_total', 'Rotations of passwords', [
		'result',
	]);
	for (const result of ROTATION_RESULTS) rotations.inc({ result }, 0);
	return { rotation: (result) => rotations.inc({ result }) };
}
