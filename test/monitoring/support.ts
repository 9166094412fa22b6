import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';

const MONITORING = join(import.meta.dirname, '../../deploy/monitoring');

/** An expression, and where it stands. */
export interface Expression {
	readonly where: string;
	readonly expr: string;
}

/** What a rule of alerts.yaml has to have. */
export interface Rule {
	readonly alert: string;
	readonly expr: string;
	readonly for?: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
}

/** The alerts, by group. */
export function alertGroups(): readonly { readonly name: string; readonly rules: readonly Rule[] }[] {
	return parse(readFileSync(join(MONITORING, 'alerts.yaml'), 'utf8')).groups;
}

/** The dashboard as Grafana imports it. */
export function dashboard(): Dashboard {
	return JSON.parse(readFileSync(join(MONITORING, 'dashboard.json'), 'utf8'));
}

interface Dashboard {
	readonly panels: readonly {
		readonly id: number;
		readonly title: string;
		readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
		readonly targets: readonly { readonly expr: string }[];
	}[];
	readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

/** The metrics that an expression reads, and the offsets where it is not valid PromQL. */
export function read({ expr }: Expression): {
	readonly metrics: readonly string[];
	readonly errors: readonly number[];
} {
	// Grafana replaces its variables before Prometheus sees them.
	const text = expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, 'x');
	const metrics: string[] = [];
	const errors: number[] = [];
	parser.parse(text).iterate({
		enter: (node) => {
			if (node.type.isError) errors.push(node.from);
			if (node.name === 'VectorSelector') {
				const name = /^[A-Za-z_:][\w:]*/.exec(text.slice(node.from, node.to))?.[0];
				metrics.push(name ?? `a selector without a name at ${node.from}`);
			}
		},
	});
	return { metrics, errors };
}

/**
 * Metrics of the API server, not of the webhook; test/cluster/apiserver/require-injection.test.ts checks that
 * they exist.
 */
export const API_SERVER_METRICS = [
	'apiserver_admission_webhook_rejection_count',
	'apiserver_validating_admission_policy_check_total',
] as const;
