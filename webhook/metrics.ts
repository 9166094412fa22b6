import { createRegistry, type MetricsRegistry, type MetricsText } from '../lib/metrics.ts';
import { type Decision, injectReason } from './admission/decision.ts';
import { INJECT_REASONS, REJECT_REASONS, SKIP_REASONS } from './admission/reasons.ts';
import { EVENT_RESULTS, type EventResult } from './events/reporter.ts';

/**
 * The metrics of the webhook. No label value comes from a caller or a pod: all series are known beforehand.
 */
export interface Metrics extends MetricsText {
	/** Counts a call to `/mutate`. Returns a function to call once when the call has ended. */
	startCall(): () => void;
	/** A review was decided. */
	recordDecision(decision: Decision): void;
	/** A call ended without a decision: with an HTTP error, or aborted by the client. */
	recordFailure(status: number | 'aborted'): void;
	/** A notice was written as an Event, or was not. */
	recordEvent(result: EventResult): void;
}

/** Sources of the metrics besides calls. */
export interface MetricSources {
	readonly version: string;
	/** Expiry of the current serving certificate. */
	readonly certificateEnds: () => Date;
	/** Undefined when the webhook is ready. */
	readonly notReady: () => string | undefined;
	/**
	 * Seconds since the API server last confirmed the namespace labels. Undefined when namespaces are not
	 * watched.
	 */
	readonly namespacesAge: (() => number) | undefined;
}

/** Seconds. A decision takes well below a millisecond; the API server waits 5 s. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Statuses of calls without a decision. Others are counted as "other". */
const FAILURES: readonly (number | 'aborted')[] = ['aborted', 400, 401, 403, 405, 413, 415, 500, 503];

/** Makes a registry of the webhook's own, with the metrics of the process in it. */
export function createMetrics({ version, certificateEnds, notReady, namespacesAge }: MetricSources): Metrics {
	const registry = createRegistry();
	registry
		.gauge('envtier_build_info', 'Always 1; the labels name the build', ['version', 'node'])
		.set({ version, node: process.version }, 1);
	registry.computedGauge(
		'envtier_webhook_certificate_expiry_timestamp_seconds',
		'Expiry of the serving certificate, in seconds since 1970',
		() => certificateEnds().getTime() / 1000,
	);
	registry.computedGauge('envtier_webhook_ready', '1 while the webhook is ready', () =>
		notReady() === undefined ? 1 : 0,
	);
	if (namespacesAge !== undefined)
		registry.computedGauge(
			'envtier_webhook_namespaces_age_seconds',
			'Age of the cached labels of namespaces, in seconds',
			namespacesAge,
		);
	return { text: registry.text, contentType: registry.contentType, ...callMetrics(registry) };
}

function callMetrics(
	registry: MetricsRegistry,
): Pick<Metrics, 'startCall' | 'recordDecision' | 'recordFailure' | 'recordEvent'> {
	const decisions = registry.counter(
		'envtier_webhook_decisions_total',
		'Reviews by decision and reason, as the reference lists them',
		['decision', 'reason'],
	);
	const failures = registry.counter(
		'envtier_webhook_failed_calls_total',
		'Calls to /mutate without a decision, by HTTP status',
		['status'],
	);
	const durations = registry.histogram(
		'envtier_webhook_call_duration_seconds',
		'Duration of a call to /mutate, from its headers to the end of the response',
		BUCKETS,
	);
	const inFlight = registry.gauge('envtier_webhook_calls_in_flight', 'Calls to /mutate in progress');
	const events = registry.counter(
		'envtier_webhook_events_total',
		'Events about refused pods and warnings, by result',
		['result'],
	);
	for (const result of EVENT_RESULTS) events.inc({ result }, 0);
	// Series start at zero, because a rate needs a first value.
	for (const reason of Object.keys(INJECT_REASONS)) decisions.inc({ decision: 'inject', reason }, 0);
	for (const reason of Object.keys(SKIP_REASONS)) decisions.inc({ decision: 'skip', reason }, 0);
	for (const reason of Object.keys(REJECT_REASONS)) decisions.inc({ decision: 'reject', reason }, 0);
	for (const status of [...FAILURES, 'other']) failures.inc({ status }, 0);
	return {
		startCall: () => {
			const start = performance.now();
			inFlight.inc();
			return () => {
				inFlight.dec();
				durations.observe((performance.now() - start) / 1000);
			};
		},
		recordDecision: (decision) =>
			decisions.inc({
				decision: decision.kind,
				reason: decision.kind === 'inject' ? injectReason(decision) : decision.reason,
			}),
		recordEvent: (result) => events.inc({ result }),
		recordFailure: (status) => failures.inc({ status: FAILURES.includes(status) ? status : 'other' }),
	};
}
