import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRecovery } from '../../../api/deployments/recovery.ts';
import { until } from '../../support/until.ts';
import { caller, startApi } from '../support/api.ts';
import { type OnStore, onVault, STORES, vaultEnv } from '../support/both.ts';
import { startStepProxy } from '../support/step-proxy.ts';
import { apiToken, vaultStore } from '../support/stores.ts';

const alice = caller('user:alice', { roles: [] });
const admin = caller('user:ada');
const ci = caller('user:alice', { roles: [], scopes: ['secrets:read', 'secrets:write'] });

describe.each(Object.entries(STORES))('the deletion of a deployment on %s', (_name, open) => {
	let on: OnStore;
	beforeAll(async () => {
		on = await open({ callers: [alice, admin, ci] });
	});
	afterAll(() => on?.[Symbol.asyncDispose]());
	const send = (method: string, path: string, as: typeof alice, body?: object) =>
		on.api.send(method, path, { as, body });

	test('nobody finds it or its secrets any more, and its name is not free', async () => {
		await send('POST', '/api/deployments', alice, { name: 'gone', org: 'acme' });
		const secret = (key: string, serviceName = '') => ({
			key,
			value: 'v',
			deploymentName: 'gone',
			serviceName,
		});
		const { id } = (await send('POST', '/api/secrets', alice, secret('A'))).json as { id: string };
		await send('POST', '/api/secrets', alice, secret('B', 'web'));
		const confirm = { confirm: 'gone' };
		expect((await send('DELETE', '/api/deployments/gone', ci, confirm)).status).toBe(403);
		expect((await send('DELETE', '/api/deployments/gone', alice, { confirm: 'Gone' })).status).toBe(400);
		expect((await send('GET', '/api/deployments/gone', alice)).status).toBe(200);
		expect((await send('DELETE', '/api/deployments/gone', alice, confirm)).status).toBe(200);
		for (const as of [alice, admin]) {
			expect((await send('GET', '/api/deployments/gone', as)).status).toBe(403);
			expect((await send('GET', '/api/secrets?deployment=gone', as)).status).toBe(403);
			expect((await send('PUT', '/api/secrets', as, { id, value: 'w' })).status).toBe(403);
			expect((await send('POST', '/api/secrets', as, secret('C'))).status).toBe(403);
			expect((await send('DELETE', '/api/deployments/gone', as, confirm)).status).toBe(403);
			expect((await send('GET', '/api/deployments', as)).json).toEqual([]);
			const again = await send('POST', '/api/deployments', as, { name: 'gone', org: 'acme' });
			expect(again.status).toBe(409);
		}
		const lines = on.api.audit().filter(({ action, key }) => action === 'deployments.delete' && key !== '');
		expect(lines.map(({ scope, key, result }) => [scope, key, result]).sort()).toEqual([
			['deployments/gone/secrets', 'A', 'done'],
			['deployments/gone/services/web/secrets', 'B', 'done'],
		]);
	});

	test('an empty deployment keeps its name as well', async () => {
		await send('POST', '/api/deployments', alice, { name: 'empty', org: 'acme' });
		await send('DELETE', '/api/deployments/empty', alice, { confirm: 'empty' });
		const again = await send('POST', '/api/deployments', alice, { name: 'empty', org: 'acme' });
		expect(again.status).toBe(409);
	});

	test('of writes during the deletion none stays', async () => {
		await send('POST', '/api/deployments', alice, { name: 'busy', org: 'acme' });
		const create = (key: string) =>
			send('POST', '/api/secrets', alice, { key, value: 'v', deploymentName: 'busy' });
		const { id } = (await create('UPDATED')).json as { id: string };
		const work = Array.from({ length: 30 }, (_, i) =>
			i % 2 === 0 ? create(`K${i}`) : send('PUT', '/api/secrets', alice, { id, value: `w${i}` }),
		);
		const deleted = send('DELETE', '/api/deployments/busy', alice, { confirm: 'busy' });
		for (const { status } of await Promise.all(work)) expect([200, 201, 403, 404]).toContain(status);
		expect((await deleted).status).toBe(200);
		if (on.bao === undefined || _name.includes('namespace')) return;
		const opened = vaultStore(on.bao, await apiToken(on.bao));
		const folder = 'deployments/busy/secrets';
		const keys = await opened.store.list(folder);
		for (const key of keys) expect((await opened.store.head(`${folder}/${key}`))?.live, key).toBe(false);
		expect(keys).toContain('UPDATED');
		opened.close();
	});
});

test('a deletion that fails at any step is completed by the recovery', { timeout: 240_000 }, async () => {
	await using on = await onVault({ callers: [alice] });
	const { bao } = on;
	if (bao === undefined) throw new Error('no server');
	await using proxy = await startStepProxy(bao);
	const env = { ...(await vaultEnv(bao)), ENVTIER_VAULT_ADDR: proxy.addr, ENVTIER_API_VAULT_TIMEOUT: '2' };
	await using api = await startApi({ env, callers: [alice] });
	const opened = vaultStore(bao, await apiToken(bao));
	const later = () => new Date(Date.now() + 3_600_000);
	let failures = 0;
	for (let step = 1; ; step += 1) {
		const name = `step${step}`;
		const body = { name, org: 'acme' };
		expect((await on.api.send('POST', '/api/deployments', { as: alice, body })).status).toBe(201);
		const secret = { key: 'A', value: 'v', deploymentName: name };
		await on.api.send('POST', '/api/secrets', { as: alice, body: secret });
		// From this request on, nothing reaches Vault: as if the process had died.
		proxy.setFault((number) => (number >= step ? 'cut-before' : 'pass'));
		const answer = await api.send('DELETE', `/api/deployments/${name}`, {
			as: alice,
			body: { confirm: name },
		});
		proxy.setFault(() => 'pass');
		if (answer.status === 200) break;
		failures += 1;
		expect(answer.status).toBe(500);
		const begun = (await opened.store.list('templates/_deletions')).includes(name);
		const log = pino({ level: 'silent' });
		const recovery = startRecovery(opened.store, log, {
			...{ retry: 50, sweep: 0, now: later, audit: () => undefined },
		});
		const isLive = async () => (await opened.store.head(`deployments/${name}/secrets/A`))?.live;
		if (begun) {
			await until('the deletion to be completed', async () => {
				const open = (await opened.store.list('templates/_deletions')).includes(name);
				return !open && (await isLive()) === false;
			});
			const found = await on.api.send('GET', `/api/deployments/${name}`, { as: alice });
			expect(found.status).toBe(403);
		} else expect(await isLive()).toBe(true);
		recovery.stop();
	}
	opened.close();
	expect(failures).toBeGreaterThan(5);
});
