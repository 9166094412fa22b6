import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMetrics } from '../../api/server/metrics.ts';
import type { Store } from '../../api/store/store.ts';
import { certificateEnds } from '../../api/typed/expiry-index.ts';
import { countEnds, startExpiryWatch } from '../../api/typed/expiry-watch.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { until } from '../support/until.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { apiToken, vaultStore } from './support/stores.ts';

const DAY = 86_400_000;
const alice = caller('user:alice');

test.each<[string, number, string]>([
	['a moment ago', -1, 'expired'],
	['now', 0, 'expired'],
	['in a moment', 1, '7d'],
	['in seven days', 7 * DAY, '7d'],
	['in seven days and a moment', 7 * DAY + 1, '30d'],
	['in thirty days', 30 * DAY, '30d'],
	['in thirty days and a moment', 30 * DAY + 1, 'later'],
])('a certificate that ends %s counts as such', (_when, ms, ends) => {
	const now = new Date('2026-01-02T03:04:05Z');
	const none = { expired: 0, '7d': 0, '30d': 0, later: 0 };
	expect(countEnds([new Date(now.getTime() + ms)], now)).toEqual({ ...none, [ends]: 1 });
});

describe('on a real OpenBao, with the shipped policy', () => {
	let bao: OpenBao;
	let api: ApiUnderTest;
	let opened: { readonly store: Store; readonly close: () => void };
	beforeAll(async () => {
		bao = await startOpenBao();
		api = await startApi({ env: await vaultEnv(bao), callers: [alice] });
		opened = vaultStore(bao, await apiToken(bao));
		for (const name of ['shop', 'other'])
			await api.send('POST', '/api/deployments', { as: alice, body: { name, org: 'acme' } });
	});
	afterAll(async () => {
		opened?.close();
		await api?.[Symbol.asyncDispose]();
		await bao?.stop();
	});

	const create = async (path: string, days: number, place: object): Promise<string> => {
		const body = { type: 'tls', name: 'WEB', generate: { hosts: ['web'], days }, ...place };
		const made = await api.send('POST', path, { as: alice, body });
		expect(made.status, made.text).toBe(201);
		return (made.json as { secrets: readonly { id: string }[] }).secrets[0]?.id ?? '';
	};

	test('each typed secret with certificates counts once, wherever it is, until it is renewed or deleted', async () => {
		const shop = await create('/api/secrets', 3, { deploymentName: 'shop', serviceName: 'web' });
		const org = await create('/api/org/secrets', 20, {});
		await create('/api/secrets', 100, { deploymentName: 'other' });
		await create('/api/secrets', 200, {});
		const template = {
			name: 'base',
			services: [{ name: 'web', secrets: [{ type: 'tls', name: 'A', generate: { hosts: ['a'], days: 5 } }] }],
		};
		await api.send('POST', '/api/templates', { as: alice, body: template });
		await create('/api/secrets', 6, { deploymentName: 'template:base' });
		const body = { name: 'made', org: 'acme', template: 'base' };
		expect((await api.send('POST', '/api/deployments', { as: alice, body })).status).toBe(201);
		const counts = async (now = new Date()) => countEnds(await certificateEnds(opened.store, now), now);
		// Those of 3, 6 twice (the template's and its copy), and 5 days.
		expect(await counts()).toEqual({ expired: 0, '7d': 4, '30d': 1, later: 2 });

		const metrics = createMetrics();
		const options = { first: 0, interval: 3_600_000, now: () => new Date() };
		const stop = startExpiryWatch(
			opened.store,
			metrics.recordCertificates,
			pino({ level: 'silent' }),
			options,
		);
		const text = await until('the count', async () => {
			const page = await metrics.text();
			return page.includes('envtier_api_certificates{') ? page : undefined;
		});
		stop();
		expect(text).toContain('envtier_api_certificates{ends="7d"} 4');
		expect(text).not.toMatch(/shop|web|WEB/);

		const renewed = { id: shop, generate: { hosts: ['web'], days: 50 } };
		expect((await api.send('PUT', '/api/secrets', { as: alice, body: renewed })).status).toBe(200);
		const gone = await api.send('DELETE', '/api/org/secrets', { as: alice, body: { id: org } });
		expect(gone.status).toBe(200);
		expect(await counts()).toEqual({ expired: 0, '7d': 3, '30d': 0, later: 3 });
		// Long after all of them have ended.
		const later = new Date(Date.now() + 400 * DAY);
		expect(await counts(later)).toMatchObject({ expired: 6 });
	});
});
