/** Decisions on a cluster of OpenBao whose standby answers reads itself, from a copy that may be behind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createVaultStore } from '../../api/store/vault.ts';
import { openVaultClient } from '../../lib/vault/client.ts';
import { createKnownIndex } from '../../lib/vault/known-index.ts';
import { PAUSES } from '../../lib/vault/response.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { joinOpenBao, type Member } from '../support/openbao-cluster.ts';
import { startWithReveal, type WithReveal } from './support/reveal.ts';
import { startStepProxy } from './support/step-proxy.ts';

const WRITES = 150;

/** The number in an index of OpenBao. */
const numberIn = (index: string): number =>
	Number((JSON.parse(Buffer.from(index, 'base64').toString()) as { value: string }).value);

describe('a program at a standby', () => {
	let active: OpenBao;
	let standby: Member;
	beforeAll(async () => {
		active = await startOpenBao({ durable: true });
		standby = await joinOpenBao(active, 'reading');
	}, 60_000);
	afterAll(async () => {
		await standby?.[Symbol.asyncDispose]();
		await active?.stop();
	});

	const openAt = (known: ReturnType<typeof createKnownIndex> | undefined) => {
		const endpoint = {
			...{ address: standby.addr, ca: standby.caPem, timeout: 10_000 },
			...{ namespace: undefined, tlsName: undefined },
		};
		const client = openVaultClient(endpoint, { pauses: PAUSES, ...(known === undefined ? {} : { known }) });
		const session = {
			token: () => Promise.resolve(active.rootToken),
			renewAfter: () => Promise.resolve(undefined),
			close: () => undefined,
		};
		const store = createVaultStore({ client, session, mount: 'secret', observe: () => undefined });
		return { store, close: client.close };
	};

	test('reads what it wrote, each time', async () => {
		const { store, close } = openAt(createKnownIndex());
		for (let number = 1; number <= WRITES; number += 1) {
			expect(await store.put('registry/reads', { value: `${number}` }, number - 1)).toBe('written');
			expect((await store.head('registry/reads'))?.version).toBe(number);
		}
		close();
	}, 60_000);

	test('reads what another program wrote before its own last write', async () => {
		const { store, close } = openAt(createKnownIndex());
		for (let number = 1; number <= WRITES; number += 1) {
			const body = { data: { value: `${number}` } };
			await active.request('POST', 'secret/data/registry/access/other', { body });
			// In the place of a login, which is a write too.
			await store.put(`registry/barrier-${number}`, { value: 'v' }, 0);
			expect(await store.read('registry/access/other')).toEqual({ value: `${number}` });
		}
		close();
	}, 60_000);

	test('a standby that is behind for too long is a failure, and not an old answer', async () => {
		const known = createKnownIndex();
		const { store, close } = openAt(known);
		await store.put('registry/behind', { value: 'v' }, 0);
		const [index = ''] = Object.values(known.headers());
		const later = {
			...JSON.parse(Buffer.from(index, 'base64').toString()),
			value: `${numberIn(index) + 1e6}`,
		};
		known.add(Buffer.from(JSON.stringify(later)).toString('base64'));
		await expect(store.head('registry/behind')).rejects.toMatchObject({ code: 'unavailable' });
		close();
	});

	test('an answer that was overtaken by a later one does not count', () => {
		const known = createKnownIndex();
		const indexOf = (value: number, cluster = 'c') =>
			Buffer.from(JSON.stringify({ cluster, value: `${value}` })).toString('base64');
		expect(known.headers()).toEqual({});
		for (const value of [9, 11, 10]) known.add(indexOf(value));
		expect(known.headers()).toEqual({ 'x-vault-index': indexOf(11) });
		// Of another cluster, or of a server whose indexes nobody can compare.
		known.add(indexOf(1, 'other'));
		expect(known.headers()).toEqual({ 'x-vault-index': indexOf(1, 'other') });
		known.add('djE6bm90LW9mLW9wZW5iYW8=');
		expect(known.headers()).toEqual({ 'x-vault-index': 'djE6bm90LW9mLW9wZW5iYW8=' });
	});
});

describe('the Reveal program at a standby', () => {
	let on: WithReveal;
	let standby: Member;
	const ask = { deployment: 'shop', key: 'TOKEN', reason: 'incident 42' };
	const members = '/api/deployments/shop/members';
	let owner: { readonly api: string; readonly reveal: string };
	beforeAll(async () => {
		on = await startWithReveal({}, {}, { durable: true });
		standby = await joinOpenBao(on.bao, 'reading');
		owner = await on.session('olga');
		const named = { name: 'shop', org: 'acme' };
		await on.reveal.send('POST', '/api/access', { as: owner.reveal, body: named });
		await on.api.send('POST', '/api/deployments', { as: owner.api, body: named });
		const body = { key: 'TOKEN', value: 'test-only', deploymentName: 'shop' };
		expect((await on.api.send('POST', '/api/secrets', { as: owner.api, body })).status).toBe(201);
	}, 60_000);
	afterAll(async () => {
		await standby?.[Symbol.asyncDispose]();
		await on?.[Symbol.asyncDispose]();
	});

	test('a demotion that was answered by another one holds at once, each time', async () => {
		await using other = await on.another({ ENVTIER_VAULT_ADDR: standby.addr });
		const dora = (await on.session('dora')).reveal;
		const body = { member: 'user:dora', role: 'developer' };
		for (let round = 0; round < 25; round += 1) {
			expect((await on.reveal.send('POST', members, { as: owner.reveal, body })).status).toBe(201);
			const shown = await other.send('POST', '/api/reveal', { as: dora, body: ask });
			// The first decision may be of before: that refuses, and shows nothing.
			expect([200, 403]).toContain(shown.status);
			const removal = { as: owner.reveal, body: { member: 'user:dora' } };
			expect((await on.reveal.send('DELETE', members, removal)).status).toBe(200);
			const refused = await other.send('POST', '/api/reveal', { as: dora, body: ask });
			expect(refused.status, `round ${round}`).toBe(403);
		}
	}, 120_000);

	test('the members are read from a state that is as new as the login', async () => {
		await using proxy = await startStepProxy(on.bao);
		await using other = await on.another({ ENVTIER_VAULT_ADDR: proxy.addr });
		const requests: { readonly step: string; readonly index: string | undefined }[] = [];
		proxy.watch((step, request, response) =>
			requests.push({ step, index: request['x-vault-index'] ?? response['x-vault-index'] }),
		);
		const shown = await other.send('POST', '/api/reveal', { as: owner.reveal, body: ask });
		expect(shown.status, shown.text).toBe(200);
		const login = requests.findLastIndex(({ step }) => step === 'POST /v1/auth/jwt/login');
		const read = requests
			.slice(login)
			.find(({ step }) => step.includes('/data/registry/access/deployments/'));
		expect(numberIn(read?.index ?? '')).toBeGreaterThanOrEqual(numberIn(requests[login]?.index ?? ''));
	});
});
