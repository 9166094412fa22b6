import { createRegistry, type MetricsText } from '../../lib/metrics.ts';
import { ENDS, type ExpiryCounts } from '../typed/expiry-watch.ts';
import type { RotationCounts } from '../typed/rotation-index.ts';

/** Metrics for Prometheus. No label value comes from a caller. */
export interface Metrics extends MetricsText {
	/** Records one call of an operation. */
	recordCall(operation: string, status: number, seconds: number): void;
	/** Records one request to the store: the kind of request and the HTTP status. */
	recordStoreRequest(operation: string, status: number): void;
	recordFailedLogin(): void;
	/** Records how many certificates of typed secrets end how soon. */
	recordCertificates(counts: ExpiryCounts): void;
	/** Records how many passwords rotate. */
	recordRotations(counts: RotationCounts): void;
	/** Shows the audit lines that wait for the audit store, and those that it did not get. */
	watchAudit(counts: () => { readonly waiting: number; readonly missed: number }): void;
}

/** Upper bounds of the histogram buckets, in seconds. */
const BUCKETS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

/** Creates a registry with the API's metrics and those of the process. */
export function createMetrics(): Metrics {
	const registry = createRegistry();
	const calls = registry.counter('envtier_api_calls_total', 'Calls by operation and HTTP status', [
		'operation',
		'status',
	]);
	const durations = registry.histogram('envtier_api_call_duration_seconds', 'Duration of a call', BUCKETS, [
		'operation',
	]);
	const requests = registry.counter(
		'envtier_api_store_requests_total',
		'Requests to Vault by kind and HTTP status',
		['kind', 'status'],
	);
	const logins = registry.counter('envtier_api_failed_logins_total', 'Failed authentications');
	const certificates = registry.gauge(
		'envtier_api_certificates',
		'Typed secrets with certificates, by the time until the first of them ends',
		['ends'],
	);
	const rotations = registry.gauge(
		'envtier_api_rotations',
		'Passwords with a rotation; overdue: the next value is due for more than an hour',
		['state'],
	);
	return {
		text: registry.text,
		contentType: registry.contentType,
		recordCall: (operation, status, seconds) => {
			calls.inc({ operation, status });
			durations.observe({ operation }, seconds);
		},
		recordStoreRequest: (kind, status) => requests.inc({ kind, status }),
		recordFailedLogin: () => logins.inc(),
		recordCertificates: (counts) => {
			for (const ends of ENDS) certificates.set({ ends }, counts[ends]);
		},
		recordRotations: ({ waiting, overdue }) => {
			rotations.set({ state: 'waiting' }, waiting);
			rotations.set({ state: 'overdue' }, overdue);
		},
		watchAudit: (counts) => {
			registry.computedGauge(
				'envtier_api_audit_lines_waiting',
				'Audit lines that wait for the audit store',
				() => counts().waiting,
			);
			registry.computedGauge(
				'envtier_api_audit_lines_missed',
				'Audit lines since the start that are in the log and not in the audit store',
				() => counts().missed,
			);
		},
	};
}
