import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';

/** What Prometheus is told. No label comes from a caller. */
export interface Metrics {
	readonly registry: Registry;
	/** One call of an operation. */
	recordCall(operation: string, status: number, seconds: number): void;
	/** One request to the store, by what it was for and the HTTP status. */
	recordStoreRequest(operation: string, status: number): void;
	recordFailedLogin(): void;
}

/** Makes a registry with the API's metrics and those of the process. */
export function createMetrics(): Metrics {
	const registry = new Registry();
	const registers = [registry];
	collectDefaultMetrics({ register: registry });
	const calls = new Counter({
		name: 'envtier_api_calls_total',
		help: 'Calls by operation and HTTP status',
		labelNames: ['operation', 'status'] as const,
		registers,
	});
	const durations = new Histogram({
		name: 'envtier_api_call_duration_seconds',
		help: 'Time from the call to its answer',
		labelNames: ['operation'] as const,
		buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
		registers,
	});
	const requests = new Counter({
		name: 'envtier_api_store_requests_total',
		help: 'Requests to Vault by kind and HTTP status',
		labelNames: ['kind', 'status'] as const,
		registers,
	});
	const logins = new Counter({
		name: 'envtier_api_failed_logins_total',
		help: 'Credentials that were not accepted',
		registers,
	});
	return {
		registry,
		recordCall: (operation, status, seconds) => {
			calls.inc({ operation, status });
			durations.observe({ operation }, seconds);
		},
		recordStoreRequest: (kind, status) => requests.inc({ kind, status }),
		recordFailedLogin: () => logins.inc(),
	};
}
