import { readFileSync } from 'node:fs';
import type { Agent } from 'node:https';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { admit } from '../../../webhook/admission/admit.ts';
import { injectReason } from '../../../webhook/admission/decision.ts';
import { INJECT_REASONS, REJECT_REASONS, SKIP_REASONS } from '../../../webhook/admission/reasons.ts';
import { goldenCases } from '../../golden/cases.ts';
import { samplesOf } from '../../support/metrics.ts';
import { until } from '../../support/until.ts';
import { startWebhook } from '../../support/webhook.ts';
import { ASKS, podOf } from '../support/pods.ts';
import { request, review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { settings } from '../support/settings.ts';
import { keepAlive, open, send } from '../support/wire.ts';

let server: TestServer;
let agent: Agent;
beforeEach(async () => {
	server = await startServer();
	agent = keepAlive(server);
});
afterEach(async () => {
	agent.destroy();
	await server[Symbol.asyncDispose]();
});

const GOOD = JSON.stringify(review(podOf(ASKS)));

async function text(): Promise<string> {
	const reply = await send(server, agent, { method: 'GET', path: '/metrics', headers: {} });
	expect(reply.status).toBe(200);
	expect(reply.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
	return reply.text;
}

async function sample(series: string): Promise<number | undefined> {
	return samplesOf(await text()).get(series);
}

/** The values of our own series that are not zero, but for times. */
async function counted(): Promise<Readonly<Record<string, number>>> {
	const ours = [...samplesOf(await text())].filter(
		([series, value]) => /^envtier_webhook_(decisions|failed)/.test(series) && value !== 0,
	);
	return Object.fromEntries(ours);
}

describe('decisions', () => {
	test('every golden pod is counted by its decision and reason', async () => {
		const expected: Record<string, number> = {};
		for (const golden of goldenCases()) {
			const { injection } = settings(golden.settings);
			server.use(injection);
			const decision = admit(request(golden.pod, golden.request), injection);
			const reason = decision.kind === 'inject' ? injectReason(decision) : decision.reason;
			const series = `envtier_webhook_decisions_total{decision="${decision.kind}",reason="${reason}"}`;
			expected[series] = (expected[series] ?? 0) + 1;
			await send(server, agent, { body: JSON.stringify(review(golden.pod, golden.request)) });
		}
		expect(Object.keys(expected).length).toBeGreaterThan(10);
		expect(await counted()).toEqual(expected);
	});

	test('every reason has a series at zero from the start', async () => {
		const samples = samplesOf(await text());
		const series = (decision: string, reason: string) =>
			samples.get(`envtier_webhook_decisions_total{decision="${decision}",reason="${reason}"}`);
		for (const reason of Object.keys(INJECT_REASONS)) expect(series('inject', reason), reason).toBe(0);
		for (const reason of Object.keys(SKIP_REASONS)) expect(series('skip', reason), reason).toBe(0);
		for (const reason of Object.keys(REJECT_REASONS)) expect(series('reject', reason), reason).toBe(0);
	});

	test('no pod, path, method or body adds a series', async () => {
		// Not those of the process: garbage collections and handles come and go.
		const ours = async () =>
			[...samplesOf(await text()).keys()].filter((series) => series.startsWith('envtier_')).sort();
		const before = await ours();
		const word = fc.oneof(fc.string({ maxLength: 30 }), fc.constantFrom('deployment', 'tiers', 'inject'));
		const pods = fc.record({
			annotations: fc.dictionary(word, fc.string({ maxLength: 50 })),
			namespace: fc.string({ maxLength: 20 }),
			operation: fc.constantFrom('CREATE', 'UPDATE', 'DELETE', 'CONNECT', '\n'),
		});
		const calls = fc.oneof(
			pods.map(({ annotations, ...overrides }) => ({
				path: '/mutate',
				body: JSON.stringify(review(podOf(annotations), overrides)),
			})),
			fc.record({
				path: fc.webPath().map((path) => (path.startsWith('/') ? path : `/${path}`)),
				method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'),
				body: fc.string(),
			}),
			fc.record({ path: fc.constant('/mutate'), body: fc.json() }),
		);
		await fc.assert(
			fc.asyncProperty(calls, async (call) => {
				await send(server, agent, call);
			}),
			{ numRuns: 300 },
		);
		expect(await ours()).toEqual(before);
	});
});

describe('calls without a decision', () => {
	test.each([
		['not JSON', { body: '{' }, '400'],
		['another method', { method: 'GET', headers: {} }, '405'],
		['another content type', { body: GOOD, headers: { 'content-type': 'text/plain' } }, '415'],
		['too large', { body: Buffer.alloc(7 * 1024 * 1024 + 1, ' ') }, '413'],
	])('%s: counted by its status', async (_, message, status) => {
		expect((await send(server, agent, message)).status).toBe(Number(status));
		await until('the count', async () => Object.keys(await counted()).length > 0);
		expect(await counted()).toEqual({ [`envtier_webhook_failed_calls_total{status="${status}"}`]: 1 });
	});

	test('a call that the client aborts counts as aborted, and as in flight until then', async () => {
		const socket = await open(server);
		socket.write(
			'POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
		);
		const inFlight = 'envtier_webhook_calls_in_flight';
		await until('the call to be in flight', async () => (await sample(inFlight)) === 1);
		socket.destroy();
		await until('the call to be over', async () => (await sample(inFlight)) === 0);
		expect(await counted()).toEqual({ 'envtier_webhook_failed_calls_total{status="aborted"}': 1 });
	});
});

test('every call to /mutate is in the histogram, and no other', async () => {
	for (let i = 0; i < 5; i += 1) await send(server, agent, { body: GOOD });
	await send(server, agent, { method: 'GET', path: '/healthz', headers: {} });
	const samples = await until('the last call to be over', async () => {
		const all = samplesOf(await text());
		return all.get('envtier_webhook_calls_in_flight') === 0 ? all : undefined;
	});
	const name = 'envtier_webhook_call_duration_seconds';
	expect(samples.get(`${name}_count`)).toBe(5);
	expect(samples.get(`${name}_bucket{le="+Inf"}`)).toBe(5);
	expect(samples.get(`${name}_sum`)).toBeGreaterThan(0);
});

test('the expiry metric shows the served certificate', async () => {
	const series = 'envtier_webhook_certificate_expiry_timestamp_seconds';
	const first = await sample(series);
	const socket = await open(server);
	expect(first).toBe(Date.parse(socket.getPeerCertificate().valid_to) / 1000);
	socket.destroy();
	await server.files.swap(await server.authority.issue({ notAfter: new Date(Date.now() + 3_600_000) }));
	const second = await until('the new certificate', async () => {
		const now = await sample(series);
		return now === first ? undefined : now;
	});
	expect(Math.abs(second - Date.now() / 1000 - 3600)).toBeLessThan(60);
});

test('the readiness metric agrees with /readyz', async () => {
	expect(await sample('envtier_webhook_ready')).toBe(1);
	server.notReady('shutting down');
	expect(await sample('envtier_webhook_ready')).toBe(0);
});

test('metrics contain no text of a pod', async () => {
	const pod = podOf({ deployment: 'canary-deployment', service: 'canary-service', typo: 'canary-value' });
	await send(server, agent, { body: JSON.stringify(review(pod, { namespace: 'canary-namespace' })) });
	expect(await text()).not.toContain('canary');
});

test('a metric shows the version', async () => {
	const webhook = await startWebhook({ ENVTIER_VAULT_ADDR: 'https://vault.example:8200' });
	try {
		const target = { port: Number(new URL(webhook.url).port), authority: { certPem: webhook.caPem } };
		const own = keepAlive(target);
		const reply = await send(target, own, { method: 'GET', path: '/metrics', headers: {} });
		own.destroy();
		const manifest = readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8');
		const { version } = JSON.parse(manifest);
		expect(reply.text).toContain(`envtier_build_info{version="${version}",node="v`);
	} finally {
		await webhook.stop();
	}
});
