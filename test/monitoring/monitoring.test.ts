import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createMetrics as createApiMetrics } from '../../api/server/metrics.ts';
import { addManagedSecretMetrics } from '../../controller/managed-secrets/metrics.ts';
import { addProcessMetrics } from '../../controller/metrics.ts';
import { addRolloutMetrics } from '../../controller/rollouts/metrics.ts';
import { addRotationMetrics } from '../../controller/rotation/metrics.ts';
import { createRegistry } from '../../lib/metrics.ts';
import { createMetrics } from '../../webhook/metrics.ts';
import { metricNames, samplesOf } from '../support/metrics.ts';
import { API_SERVER_METRICS, alertGroups, dashboard, type Expression, read } from './support.ts';

const webhookMetrics = await createMetrics({
	version: '0.0.0',
	certificateEnds: () => new Date(),
	notReady: () => undefined,
	namespacesAge: () => 0,
}).text();

/** What the secrets API tells of one call with each status that an expression selects. */
async function apiMetricsText(): Promise<string> {
	const api = createApiMetrics();
	api.recordCall('secrets.list', 200, 0.1);
	api.recordStoreRequest('list', 403);
	api.recordFailedLogin();
	api.recordCertificates({ expired: 0, '7d': 1, '30d': 2, later: 3 });
	api.recordRotations({ waiting: 2, overdue: 1 });
	return await api.text();
}

/** What the controller tells with all of its reconcilers. */
async function controllerMetricsText(): Promise<string> {
	const none = (): number => 0;
	const registry = createRegistry();
	addProcessMetrics(registry, '0.0.0', () => true);
	addManagedSecretMetrics(registry, { all: none, failing: none, overdue: none });
	const pollAges = () => ({ org: 0, deployment: 0, service: 0 });
	addRolloutMetrics(registry, { workloads: none, pending: none, running: none, pollAges });
	addRotationMetrics(registry, { rotating: none, due: none, lookAge: none });
	return await registry.text();
}

const metrics = `${webhookMetrics}\n${await apiMetricsText()}\n${await controllerMetricsText()}`;

const rules = alertGroups().flatMap((group) => group.rules);
const { panels, templating } = dashboard();
const inPanels = panels.flatMap(({ title, targets }) =>
	targets.map(({ expr }): Expression => ({ where: `panel ${title}`, expr })),
);
const inRules = rules.map(({ alert, expr }): Expression => ({ where: `alert ${alert}`, expr }));
const inVariables = templating.list.flatMap(({ name, query }): Expression[] => {
	const metric = /^label_values\((\w+),/.exec(query)?.[1];
	return metric === undefined ? [] : [{ where: `variable ${name}`, expr: metric }];
});

describe('what the dashboard and the alerts ask Prometheus', () => {
	test.each([...inPanels, ...inRules, ...inVariables])('$where is PromQL', (expression) => {
		expect(read(expression).errors).toEqual([]);
	});

	test.each([...inPanels, ...inRules, ...inVariables])('$where names metrics that exist', (expression) => {
		const { metrics: named } = read(expression);
		expect(named).not.toEqual([]);
		const known = new Set<string>([...metricNames(metrics), ...API_SERVER_METRICS]);
		expect(named.filter((name) => !known.has(name))).toEqual([]);
	});

	test.each([...inPanels, ...inRules])('$where selects label values that exist', ({ expr }) => {
		const series = [...samplesOf(metrics).keys()];
		for (const [, metric = '', label = '', value = ''] of expr.matchAll(/(envtier_\w+)\{(\w+)="([^"$]*)"/g))
			expect(series.some((one) => one.startsWith(metric) && one.includes(`${label}="${value}"`))).toBe(true);
	});

	test('every metric of ours is on the dashboard or in an alert', () => {
		const used = new Set([...inPanels, ...inRules].flatMap((expression) => read(expression).metrics));
		const ours = [...metricNames(metrics)].filter((name) => name.startsWith('envtier_'));
		// Of a histogram the buckets are read.
		expect(ours.filter((name) => !used.has(name) && !/_(sum|count)$/.test(name))).toEqual([]);
	});

	test.each(['sum(rate(x[5m])', 'x{a=}', 'x[5m', 'sum by x', 'x > > 1'])('%s is no PromQL', (expr) => {
		expect(read({ where: '', expr }).errors).not.toEqual([]);
	});
});

describe('alerts', () => {
	test('have names of their own, a severity, a summary and what to do', () => {
		expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
		for (const { alert, labels, annotations } of rules) {
			expect(['critical', 'warning'], alert).toContain(labels['severity']);
			expect(annotations['summary'], alert).toBeTruthy();
			expect(annotations['description'], alert).toBeTruthy();
		}
	});

	test('are all in docs/operations.md', () => {
		const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
		expect(rules.map(({ alert }) => alert).filter((alert) => !page.includes(`\`${alert}\``))).toEqual([]);
	});
});

test('panels of the dashboard have ids of their own and do not overlap', () => {
	expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
	const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
		Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
	);
	expect(new Set(cells).size).toBe(cells.length);
});
