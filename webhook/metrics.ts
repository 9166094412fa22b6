import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Decision, injectReason } from './admission/decision.ts';
import { INJECT_REASONS, REJECT_REASONS, SKIP_REASONS } from './admission/reasons.ts';
import { EVENT_RESULTS, type EventResult } from './events/reporter.ts';

/**
 * The metrics of the webhook. No label value comes from a caller or a pod: all series are known beforehand.
 */
export interface Metrics {
	/** Counts a call to `/mutate`. Returns a function to call once when the call has ended. */
	startCall(): () => void;
	/** A review was decided. */
	recordDecision(decision: Decision): void;
	/** A call came to no decision: it was answered with an HTTP status of its own, or the client gave up. */
	recordFailure(status: number | 'aborted'): void;
	/** A refusal was told of in the cluster, or was not. */
	recordEvent(result: EventResult): void;
	/** Everything, in Prometheus' text format. */
	text(): Promise<string>;
	/** The content type of that text. */
	readonly contentType: string;
}

/** What the metrics tell about besides calls. */
export interface MetricSources {
	readonly version: string;
	/** When the certificate that is served now ends. */
	readonly certificateEnds: () => Date;
	/** Undefined when the webhook can take calls. */
	readonly notReady: () => string | undefined;
	/**
	 * Seconds since the API server last confirmed the namespace labels. Undefined when namespaces are not
	 * watched.
	 */
	readonly namespacesAge: (() => number) | undefined;
}

/** Seconds. A decision takes well below a millisecond; the API server waits 5 s. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What a call may be answered with instead of a decision; anything else is counted as "other". */
const FAILURES: readonly (number | 'aborted')[] = ['aborted', 400, 401, 403, 405, 413, 415, 500, 503];

/** Makes a registry of the webhook's own, with the metrics of the process in it. */
export function createMetrics({ version, certificateEnds, notReady, namespacesAge }: MetricSources): Metrics {
	const registry = new Registry();
	const registers = [registry];
	collectDefaultMetrics({ register: registry });
	gauge(registers, 'envtier_build_info', 'Always 1; its labels tell which build this is', {
		version,
		node: process.version,
	}).set(1);
	collectedGauge(
		registers,
		'envtier_webhook_certificate_expiry_timestamp_seconds',
		'When the serving certificate ends, in seconds since 1970',
		() => certificateEnds().getTime() / 1000,
	);
	collectedGauge(registers, 'envtier_webhook_ready', '1 while the webhook can take calls', () =>
		notReady() === undefined ? 1 : 0,
	);
	if (namespacesAge !== undefined)
		collectedGauge(
			registers,
			'envtier_webhook_namespaces_age_seconds',
			'Time since the API server last confirmed what is known of the labels of namespaces',
			namespacesAge,
		);
	const calls = callMetrics(registers);
	return {
		...calls,
		text: () => registry.metrics(),
		contentType: registry.contentType,
	};
}

function callMetrics(
	registers: Registry[],
): Pick<Metrics, 'startCall' | 'recordDecision' | 'recordFailure' | 'recordEvent'> {
	const decisions = new Counter({
		name: 'envtier_webhook_decisions_total',
		help: 'Reviews by decision and reason, as the reference lists them',
		labelNames: ['decision', 'reason'] as const,
		registers,
	});
	const failures = new Counter({
		name: 'envtier_webhook_failed_calls_total',
		help: 'Calls to /mutate that came to no decision, by HTTP status',
		labelNames: ['status'] as const,
		registers,
	});
	const durations = new Histogram({
		name: 'envtier_webhook_call_duration_seconds',
		help: 'Time of a call to /mutate, from its headers to the end of its answer',
		buckets: BUCKETS,
		registers,
	});
	const inFlight = new Gauge({
		name: 'envtier_webhook_calls_in_flight',
		help: 'Calls to /mutate that are being answered now',
		registers,
	});
	const events = new Counter({
		name: 'envtier_webhook_events_total',
		help: 'Refusals that were told of by an Event on the workload, or not',
		labelNames: ['result'] as const,
		registers,
	});
	for (const result of EVENT_RESULTS) events.inc({ result }, 0);
	// From zero on, for a rate needs a first value.
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

function gauge(registers: Registry[], name: string, help: string, labels: Record<string, string>) {
	return new Gauge({ name, help, labelNames: Object.keys(labels), registers }).labels(labels);
}

/** A gauge whose value is asked for when somebody looks. */
function collectedGauge(registers: Registry[], name: string, help: string, value: () => number): void {
	new Gauge({
		name,
		help,
		registers,
		collect() {
			this.set(value());
		},
	});
}
