import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The response to `GET /metrics`. */
export interface MetricsText {
	/** All metrics in Prometheus' text format. */
	text(): Promise<string>;
	/** The content type of that text. */
	readonly contentType: string;
}

/** A registry of metrics. Names of metrics and labels follow Prometheus' rules. */
export interface MetricsRegistry extends MetricsText {
	counter<L extends string = never>(name: string, help: string, labelNames?: readonly L[]): Counter<L>;
	/** `buckets` are upper bounds, of a duration in seconds. */
	histogram<L extends string = never>(
		name: string,
		help: string,
		buckets: readonly number[],
		labelNames?: readonly L[],
	): Histogram<L>;
	gauge<L extends string = never>(name: string, help: string, labelNames?: readonly L[]): Gauge<L>;
	/** A gauge whose value is computed for each scrape. */
	computedGauge(name: string, help: string, value: () => number): void;
	/** The same with a label, whose values are the keys. */
	computedGauges(name: string, help: string, label: string, values: () => Record<string, number>): void;
}

/** Creates a registry that has the metrics of the process. */
export function createRegistry(): MetricsRegistry {
	const register = new Registry();
	const registers = [register];
	collectDefaultMetrics({ register });
	return {
		text: () => register.metrics(),
		contentType: register.contentType,
		counter: (name, help, labelNames = []) =>
			new Counter({ name, help, labelNames: [...labelNames], registers }),
		histogram: (name, help, buckets, labelNames = []) =>
			new Histogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers }),
		gauge: (name, help, labelNames = []) => new Gauge({ name, help, labelNames: [...labelNames], registers }),
		computedGauges: (name, help, label, values) => {
			new Gauge({
				...{ name, help, registers, labelNames: [label] },
				collect() {
					for (const [key, value] of Object.entries(values())) this.set({ [label]: key }, value);
				},
			});
		},
		computedGauge: (name, help, value) => {
			new Gauge({
				name,
				help,
				registers,
				collect() {
					this.set(value());
				},
			});
		},
	};
}
