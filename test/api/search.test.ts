/** Filters, pages, metadata, the effective view and the difference; 5,000 secrets on OpenBao. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mapAtMost } from '../../api/concurrency.ts';
import { startOpenBao } from '../support/openbao.ts';
import { must, putSecret } from '../support/openbao-setup.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { type OnStore, STORES, vaultEnv } from './support/both.ts';
import { type StepProxy, startStepProxy } from './support/step-proxy.ts';

const alice = caller('user:alice');
const bob = caller('user:bob', { roles: [] });

type Listed = { key: string; id: string; tags: string[]; deploymentName: string; serviceName: string };

/** Follows the pages of a list. */
async function pagesOf(api: ApiUnderTest, path: string): Promise<Listed[][]> {
	const pages: Listed[][] = [];
	let page: string | undefined = '';
	while (page !== undefined) {
		const answer = await api.send('GET', `${path}&page=${encodeURIComponent(page)}`, { as: alice });
		expect(answer.status, answer.text).toBe(200);
		pages.push(answer.json as Listed[]);
		page = answer.headers['envtier-next-page'] as string | undefined;
		if (pages.length > 100) throw new Error('the pages do not end');
	}
	return pages;
}

describe.each(Object.entries(STORES))('search, kept in %s', (_name, open) => {
	let on: OnStore;
	beforeAll(async () => {
		on = await open({ callers: [alice, bob] });
		for (const name of ['shop', 'other'])
			expect((await send('POST', '/api/deployments', { name, org: 'acme' })).status).toBe(201);
		const secrets = [
			{ key: 'DATABASE_URL', tags: ['db', 'team:web'], description: 'the Orders', serviceName: 'web' },
			{ key: 'DATABASE_PASSWORD', tags: ['db'], serviceName: 'web' },
			{ key: 'LOG_LEVEL', tags: ['logging'] },
			{ key: 'LICENSE' },
		];
		for (const secret of secrets)
			expect(
				(await send('POST', '/api/secrets', { value: 'v', deploymentName: 'shop', ...secret })).status,
			).toBe(201);
		await send('POST', '/api/secrets', { key: 'LOG_LEVEL', value: 'v', deploymentName: 'other' });
		for (const key of ['LICENSE', 'SENTRY_DSN'])
			await send('POST', '/api/org/secrets', { key, value: 'v', tags: ['ours'] });
	});
	afterAll(() => on?.[Symbol.asyncDispose]());
	const send = (method: string, path: string, body?: object, as = alice) =>
		on.api.send(method, path, { as, body });
	const keys = async (query: string) => {
		const answer = await send('GET', `/api/secrets?${query}`);
		expect(answer.status, answer.text).toBe(200);
		return (answer.json as Listed[]).map((one) => one.key).sort();
	};

	test.each([
		['deployment=shop', ['DATABASE_PASSWORD', 'DATABASE_URL', 'LICENSE', 'LOG_LEVEL']],
		['tag=db', ['DATABASE_PASSWORD', 'DATABASE_URL']],
		['tag=db&tag=db', undefined],
		['deployment=other&tag=db', []],
		['tag=team:web', ['DATABASE_URL']],
		['q=orders', ['DATABASE_URL']],
		['q=pass', ['DATABASE_PASSWORD']],
		['q=level&deployment=shop', ['LOG_LEVEL']],
		['type=generic&tag=logging', ['LOG_LEVEL']],
		['type=tls', []],
		['expiring=30d', []],
		['deleted=true', []],
	])('%s', async (query, expected) => {
		if (expected === undefined) expect((await send('GET', `/api/secrets?${query}`)).status).toBe(400);
		else expect(await keys(query)).toEqual(expected);
	});

	test.each([
		'tag=',
		'tag=UPPER',
		`tag=${'a'.repeat(49)}`,
		'type=%00',
		`q=${'a'.repeat(101)}`,
		'q=',
		'expiring=soon',
		'expiring=0d',
		'expiring=10000d',
		'deleted=yes',
		'page=nonsense',
		`page=${'a'.repeat(2049)}`,
	])('a query that is none is refused: %s', async (query) => {
		expect((await send('GET', `/api/secrets?${query}`)).status).toBe(400);
		expect((await send('GET', `/api/org/secrets?${query}`)).status).toBe(400);
	});

	test('tags have bounds', async () => {
		const post = (tags: unknown) => send('POST', '/api/secrets', { key: 'BOUNDS', value: 'v', tags });
		const longest = Array.from({ length: 10 }, (_, i) => `${i}${'x'.repeat(47)}`);
		expect((await post([...longest, 'k'])).status).toBe(400);
		expect((await post(['a', 'a'])).status).toBe(400);
		expect((await post(['a,b'])).status).toBe(400);
		expect((await post([''])).status).toBe(400);
		const made = await post(longest);
		expect(made.status, made.text).toBe(201);
		const { id, tags } = made.json as Listed;
		expect(tags).toEqual(longest);
		expect((await send('PUT', `/api/secrets/${id}`, {})).status).toBe(400);
		expect((await send('PUT', `/api/secrets/${id}`, { tags: [] })).status).toBe(200);
		expect((await send('GET', `/api/secrets/${id}`)).json).toMatchObject({ tags: [], version: 1 });
		await send('DELETE', '/api/secrets', { id });
	});

	test('a change of tags or description leaves the value and the other alone', async () => {
		const body = { key: 'CHANGED', value: 'v', description: 'before', tags: ['a'] };
		const { id } = (await send('POST', '/api/secrets', body)).json as Listed;
		await send('PUT', `/api/secrets/${id}`, { description: 'after' });
		const detail = async () => (await send('GET', `/api/secrets/${id}`)).json;
		expect(await detail()).toMatchObject({ description: 'after', tags: ['a'], version: 1 });
		await send('PUT', '/api/secrets', { id, value: 'w', tags: ['b'] });
		expect(await detail()).toMatchObject({
			...{ description: 'after', tags: ['b'], version: 2, type: 'generic', state: 'live' },
			...{ createdBy: 'user:alice', updatedBy: 'user:alice', expiresAt: '' },
		});
		await send('DELETE', '/api/secrets', { id });
	});

	test('the organization’s secrets have the same filters', async () => {
		const listed = await send('GET', '/api/org/secrets?tag=ours&q=sentry');
		expect((listed.json as Listed[]).map((one) => one.key)).toEqual(['SENTRY_DSN']);
		expect((await pagesOf(on.api, '/api/org/secrets?tag=ours')).flat()).toHaveLength(2);
	});

	test('pages go over all places of the caller, and show each secret once', async () => {
		const all = (await pagesOf(on.api, '/api/secrets?q=_')).flat();
		expect(all.map((one) => `${one.deploymentName}/${one.serviceName}/${one.key}`)).toEqual([
			'other//LOG_LEVEL',
			'shop//LOG_LEVEL',
			'shop/web/DATABASE_PASSWORD',
			'shop/web/DATABASE_URL',
		]);
	});

	test('the page of another caller shows nothing of that caller', async () => {
		const page = Buffer.from(JSON.stringify(['deployments/shop/secrets', 'A'])).toString('base64url');
		const answer = await send('GET', `/api/secrets?page=${page}`, undefined, bob);
		expect(answer).toMatchObject({ status: 200, json: [] });
		expect((await send('GET', `/api/secrets?deployment=shop&page=${page}`, undefined, bob)).status).toBe(403);
	});

	test('the effective view: of each key the highest tier, and what it overrides', async () => {
		const view = await send('GET', '/api/effective?deployment=shop&service=web');
		const { secrets, org } = view.json as { org: string; secrets: Record<string, unknown>[] };
		expect(org).toBe('acme');
		expect(secrets.map(({ key, tier, overrides }) => [key, tier, overrides])).toEqual([
			['DATABASE_PASSWORD', 'service', []],
			['DATABASE_URL', 'service', []],
			['LICENSE', 'deployment', ['org']],
			['LOG_LEVEL', 'deployment', []],
			['SENTRY_DSN', 'org', []],
		]);
		expect(view.text).not.toContain('Orders');
		const shared = await send('GET', '/api/effective?deployment=shop');
		expect((shared.json as { secrets: unknown[] }).secrets).toHaveLength(3);
	});

	test('the difference of two deployments', async () => {
		const answer = await send('GET', '/api/difference?deployment=shop&with=other&service=web');
		expect(answer.json).toEqual({
			...{ deployment: 'shop', with: 'other', service: 'web' },
			onlyHere: [
				{ key: 'DATABASE_PASSWORD', tier: 'service' },
				{ key: 'DATABASE_URL', tier: 'service' },
			],
			onlyThere: [],
			both: [
				{ key: 'LICENSE', tier: 'deployment', otherTier: 'org', shared: false },
				{ key: 'LOG_LEVEL', tier: 'deployment', otherTier: 'deployment', shared: false },
				{ key: 'SENTRY_DSN', tier: 'org', otherTier: 'org', shared: true },
			],
		});
	});

	test('a deployment that is not the caller’s and one that does not exist give the same answer', async () => {
		for (const path of ['/api/effective?deployment=', '/api/difference?with=none&deployment=']) {
			const theirs = await send('GET', `${path}shop`, undefined, bob);
			const none = await send('GET', `${path}none`, undefined, bob);
			expect([theirs.status, theirs.text]).toEqual([none.status, none.text]);
			expect(theirs.status).toBe(403);
		}
	});
});

describe('5,000 secrets of one deployment', { timeout: 240_000 }, () => {
	const KEYS = Array.from({ length: 5_000 }, (_, i) => `KEY_${String(i).padStart(4, '0')}`);
	/** Every hundredth has this tag. */
	const isTagged = (key: string): boolean => key.endsWith('00');
	let proxy: StepProxy;
	let api: ApiUnderTest;
	const endings: (() => PromiseLike<void>)[] = [];
	beforeAll(async () => {
		const bao = await startOpenBao();
		endings.push(() => bao.stop());
		proxy = await startStepProxy(bao);
		endings.push(() => proxy[Symbol.asyncDispose]());
		const env = { ...(await vaultEnv(bao)), ENVTIER_VAULT_ADDR: proxy.addr };
		api = await startApi({ env, callers: [alice] });
		endings.push(() => api[Symbol.asyncDispose]());
		await api.send('POST', '/api/deployments', { as: alice, body: { name: 'large', org: 'acme' } });
		await mapAtMost(16, KEYS, async (key) => {
			await putSecret(bao, `deployments/large/secrets/${key}`, 'v');
			// Those of the first page have metadata as the API writes them.
			const isOfApi = KEYS.indexOf(key) < 500;
			if (!isTagged(key) && !isOfApi) return;
			const custom_metadata = {
				...(isTagged(key) ? { tags: 'rare' } : {}),
				...(isOfApi ? { created_at: new Date().toISOString() } : {}),
			};
			const metadata = { custom_metadata };
			await must(bao, 'POST', `secret/metadata/deployments/large/secrets/${key}`, { body: metadata });
		});
	}, 240_000);
	afterAll(async () => {
		for (const end of endings.reverse()) await end();
	});
	/** The requests to Vault's KV mount of some calls. */
	const counted = async (work: () => Promise<void>): Promise<readonly string[]> => {
		proxy.setFault(() => 'pass');
		await work();
		return proxy.steps().filter((step) => step.includes('/secret/'));
	};

	test('OpenBao: all of them, and a search, within 11 requests', async () => {
		const all = await counted(async () => {
			const listed = await api.send('GET', '/api/secrets?deployment=large', { as: alice });
			expect((listed.json as Listed[]).map((one) => one.key)).toEqual(KEYS);
		});
		expect(all.length).toBeLessThanOrEqual(11);
		// Most of these keys have no metadata. One request tells whether an unfinished creation wrote them.
		expect(all.filter((step) => step.includes('/_typed/'))).toHaveLength(1);
		const search = await counted(async () => {
			const listed = await api.send('GET', '/api/secrets?deployment=large&tag=rare', { as: alice });
			expect(listed.json).toHaveLength(50);
		});
		expect(search.length).toBeLessThanOrEqual(11);
	});

	test('OpenBao: a page within 4 requests, and the ten pages have each secret once', async () => {
		const first = await counted(async () => {
			const page = await api.send('GET', '/api/secrets?deployment=large&page=', { as: alice });
			expect(page.json).toHaveLength(500);
		});
		// Whose it is, its members, the names of its services, and the page.
		expect(first.length).toBeLessThanOrEqual(4);
		const pages = await pagesOf(api, '/api/secrets?deployment=large');
		// After a full page OpenBao does not say whether it was the last one.
		const full = pages.filter((page) => page.length > 0);
		expect(full.map((page) => page.length)).toEqual(Array.from({ length: 10 }, () => 500));
		expect(pages.flat().map((one) => one.key)).toEqual(KEYS);
	});

	test('as on HashiCorp Vault: a page reads its own secrets, a search all of them', async () => {
		const asOnVault = async (path: string): Promise<{ found: number; steps: readonly string[] }> => {
			proxy.setFault((_number, step) => (step.includes('/detailed-metadata/') ? 'no-path' : 'pass'));
			const answer = await api.send('GET', path, { as: alice });
			expect(answer.status, answer.text).toBe(200);
			const steps = proxy.steps().filter((step) => step.includes('/metadata/deployments/large/secrets/'));
			return { found: (answer.json as Listed[]).length, steps };
		};
		const page = await asOnVault('/api/secrets?deployment=large&page=');
		// The list of names, and one for each secret of the page.
		expect([page.found, page.steps.length]).toEqual([500, 501]);
		const search = await asOnVault('/api/secrets?deployment=large&tag=rare');
		expect([search.found, search.steps.length]).toEqual([50, 5_001]);
	});
});
