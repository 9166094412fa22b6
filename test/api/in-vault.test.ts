/**
 * What the API leaves in Vault: values where pods read them, metadata beside them, nothing after a deletion.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { userSegment } from '../../api/secrets/secret-location.ts';
import type { OpenBao } from '../support/openbao.ts';
import { deleteSecret, must, putSecret } from '../support/openbao-setup.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { type OnStore, onVault, vaultEnv } from './support/both.ts';
import { startIssuer } from './support/issuer.ts';
import { type StepProxy, startStepProxy } from './support/step-proxy.ts';

const alice = caller('user:alice');
let on: OnStore;
let bao: OpenBao;
beforeAll(async () => {
	// Some tests write one key many times.
	on = await onVault({ callers: [alice], env: { ENVTIER_API_OVERWRITES_PER_HOUR: '1000' } });
	if (on.bao === undefined) throw new Error('no OpenBao');
	bao = on.bao;
	const made = await send('POST', '/api/deployments', { name: 'shop', org: 'acme' });
	expect([made.status, made.text, on.api.output()]).toEqual([201, expect.anything(), expect.anything()]);
});
afterAll(() => on?.[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: object) => on.api.send(method, path, { as: alice, body });
const valueAt = async (path: string) =>
	((await must(bao, 'GET', `secret/data/${path}`)) as { data: { data: unknown } }).data.data;
const metadataAt = async (path: string) =>
	((await must(bao, 'GET', `secret/metadata/${path}`)) as { data: { custom_metadata: unknown } }).data
		.custom_metadata;
const create = async (body: object) => {
	const made = await send('POST', '/api/secrets', body);
	expect(made.status).toBe(201);
	return made.json as { id: string };
};
test('an id of an earlier release, which holds only the path, means the secret from then and no successor', async () => {
	const path = 'deployments/shop/secrets/EARLIER';
	const earlier = `s1_${Buffer.from(path).toString('base64url')}`;
	await putSecret(bao, path, 'v');
	const change = { id: earlier, value: 'w' };
	expect((await send('PUT', '/api/secrets', change)).json).toEqual({ status: 'updated' });
	expect(await valueAt(path)).toEqual({ value: 'w' });
	expect((await send('DELETE', '/api/secrets', { id: earlier })).json).toEqual({ status: 'deleted' });
	await create({ key: 'EARLIER', value: 'later', deploymentName: 'shop' });
	expect((await send('PUT', '/api/secrets', change)).status).toBe(404);
	expect((await send('DELETE', '/api/secrets', { id: earlier })).status).toBe(404);
	expect(await valueAt(path)).toEqual({ value: 'later' });
});

test('metadata alone makes no key a part of a typed secret, and no caller writes them', async () => {
	const made = await send('POST', '/api/secrets', {
		...{ type: 'userpass', name: 'FORGED', fields: { username: 'u' }, deploymentName: 'shop' },
	});
	expect(made.status, made.text).toBe(201);
	const folder = 'deployments/shop/secrets';
	const { type, name, group } = (await metadataAt(`${folder}/FORGED_PASSWORD`)) as Record<string, string>;
	await putSecret(bao, `${folder}/OTHER`, 'v');
	const custom_metadata = { type, name, group };
	await must(bao, 'POST', `secret/metadata/${folder}/OTHER`, { body: { custom_metadata } });
	const keys = (await send('GET', '/api/secrets?deployment=shop')).json as Record<string, string>[];
	const typeOf = (key: string) => keys.find((one) => one['key'] === key)?.['type'];
	expect([typeOf('FORGED_PASSWORD'), typeOf('OTHER')]).toEqual(['userpass', 'generic']);
	const id = keys.find((one) => one['key'] === 'FORGED_PASSWORD')?.['id'];
	expect((await send('DELETE', '/api/secrets', { id })).status).toBe(200);
	expect(await valueAt(`${folder}/OTHER`)).toEqual({ value: 'v' });
	for (const reserved of ['group', 'stamp', 'owner', 'created_by', 'custom_metadata']) {
		const body = { key: 'RESERVED', value: 'v', deploymentName: 'shop', [reserved]: 'x' };
		expect((await send('POST', '/api/secrets', body)).status, reserved).toBe(400);
	}
});

describe('a value lies where its pods look for it', () => {
	const VALUE = 'a "b" \'c\'\n$d \\ é – 二\t';
	test.each([
		['deployment', { deploymentName: 'shop' }, 'deployments/shop/secrets/K1'],
		['service', { deploymentName: 'shop', serviceName: 'web' }, 'deployments/shop/services/web/secrets/K1'],
		['user', {}, `users/${userSegment('user:alice')}/secrets/K1`],
	])('of the %s tier', async (_tier, body, path) => {
		const { id } = await create({ key: 'K1', value: VALUE, description: 'd', ...body });
		expect(await valueAt(path)).toEqual({ value: VALUE });
		expect(await metadataAt(path)).toEqual({
			id,
			stamp: expect.stringMatching(/^v1-[0-9a-z]+$/),
			description: 'd',
			owner: 'user:alice',
			created_by: 'user:alice',
			created_at: expect.stringMatching(/^\d{4}-.*Z$/),
		});
	});

	test('of the organization', async () => {
		await send('POST', '/api/org/secrets', { key: 'K1', value: VALUE });
		expect(await valueAt('orgs/acme/secrets/K1')).toEqual({ value: VALUE });
		expect(await metadataAt('orgs/acme/secrets/K1')).toMatchObject({ owner: 'org:acme' });
	});
});

test('a deletion keeps versions and metadata', async () => {
	const path = 'deployments/shop/services/brief/secrets/GONE';
	const { id } = await create({ key: 'GONE', value: 'v', deploymentName: 'shop', serviceName: 'brief' });
	await send('PUT', '/api/secrets', { id, value: 'w' });
	expect((await send('DELETE', '/api/secrets', { id })).status).toBe(200);
	expect((await bao.request('GET', `secret/data/${path}`)).status).toBe(404);
	expect((await must(bao, 'GET', `secret/data/${path}?version=1`)) as object).toMatchObject({
		data: { data: { value: 'v' } },
	});
	expect(await metadataAt(path)).toMatchObject({ id, deleted_by: 'user:alice' });
});

test('a soft-deleted secret is absent: not listed, not found, and a create over it gives 201 and forgets the old description', async () => {
	const body = { key: 'SOFT', value: 'v', deploymentName: 'shop', description: 'old' };
	const { id } = await create(body);
	await deleteSecret(bao, 'deployments/shop/secrets/SOFT');
	const listed = await send('GET', '/api/secrets?deployment=shop');
	expect(listed.text).not.toContain('SOFT');
	expect((await send('PUT', '/api/secrets', { id, value: 'w' })).status).toBe(404);
	expect((await send('DELETE', '/api/secrets', { id })).status).toBe(404);
	const again = await Promise.all(
		Array.from({ length: 10 }, (_, i) =>
			send('POST', '/api/secrets', { ...body, value: `v${i}`, description: '' }),
		),
	);
	expect(again.map((answer) => answer.status).sort()).toEqual([201, ...Array(9).fill(409)]);
	const made = again.find((answer) => answer.status === 201)?.json as { id: string };
	expect(made).toMatchObject({ description: '' });
	expect(made.id).not.toBe(id);
	expect((await send('PUT', '/api/secrets', { id, value: 'w' })).status).toBe(404);
	expect(await metadataAt('deployments/shop/secrets/SOFT')).not.toHaveProperty('description');
});

test('what was put into Vault by hand is listed, and can be changed over the API', async () => {
	await putSecret(bao, 'deployments/shop/secrets/BY_HAND', 'v');
	await putSecret(bao, 'deployments/shop/secrets/not.a.key', 'v');
	const listed = (await send('GET', '/api/secrets?deployment=shop')).json as { id: string; key: string }[];
	const mine = listed.find((one) => one.key === 'BY_HAND');
	expect(listed.map((one) => one.key)).not.toContain('not.a.key');
	expect((await send('PUT', '/api/secrets', { id: mine?.id, value: 'w' })).status).toBe(200);
	expect(await valueAt('deployments/shop/secrets/BY_HAND')).toEqual({ value: 'w' });
});

describe('an id from before ids had stamps', () => {
	const oldId = (path: string) => `s1_${Buffer.from(path).toString('base64url')}`;

	test('leads to a secret that the API gave no stamp', async () => {
		const path = 'deployments/shop/secrets/BEFORE';
		await putSecret(bao, path, 'v');
		expect((await send('PUT', '/api/secrets', { id: oldId(path), value: 'w' })).status).toBe(200);
		expect((await send('DELETE', '/api/secrets', { id: oldId(path) })).status).toBe(200);
	});

	test('does not lead to a secret that was created since', async () => {
		const { id } = await create({ key: 'SINCE', value: 'v', deploymentName: 'shop' });
		const body = { id: oldId('deployments/shop/secrets/SINCE') };
		expect((await send('PUT', '/api/secrets', { ...body, value: 'w' })).status).toBe(404);
		expect((await send('DELETE', '/api/secrets', body)).status).toBe(404);
		expect((await send('PUT', '/api/secrets', { id, value: 'w' })).status).toBe(200);
	});
});

test('an id of what was put into Vault by hand ends with it as well', async () => {
	const path = 'deployments/shop/secrets/HAND_AGAIN';
	const idNow = async () => {
		const listed = (await send('GET', '/api/secrets?deployment=shop')).json as { id: string; key: string }[];
		return listed.find((one) => one.key === 'HAND_AGAIN')?.id;
	};
	await putSecret(bao, path, 'v');
	const id = await idNow();
	await must(bao, 'DELETE', `secret/metadata/${path}`);
	await putSecret(bao, path, 'second');
	expect(await idNow()).not.toBe(id);
	expect((await send('PUT', '/api/secrets', { id, value: 'w' })).status).toBe(404);
	expect(await valueAt(path)).toEqual({ value: 'second' });
});

test('an API key lies in Vault as its hash alone', async () => {
	await using issuer = await startIssuer();
	const oidc = { ENVTIER_API_OIDC_ISSUER: issuer.url, ENVTIER_API_OIDC_CA: issuer.caPem };
	await using api = await startApi({ env: { ...(await vaultEnv(bao)), ...oidc } });
	const session = await issuer.session({ sub: 'carol', scope: 'secrets:read secrets:write', org: 'acme' });
	const body = { name: 'ci', scopes: ['secrets:read'] };
	const made = await api.send('POST', '/api/keys', { as: session, body });
	const { id, key } = made.json as { id: string; key: string };
	expect((await api.send('GET', '/api/secrets', { as: key })).status).toBe(200);
	const path = `registry/keys/${id}`;
	const kept = JSON.stringify([await metadataAt(path), await valueAt(path)]);
	expect(kept).toContain(createHash('sha256').update(key).digest('hex'));
	expect(kept).not.toContain(key.slice(-43));
});

describe('the requests of a list of three places and 24 secrets', () => {
	const name = 'counted';
	let proxy: StepProxy;
	let api: ApiUnderTest;
	beforeAll(async () => {
		proxy = await startStepProxy(bao);
		api = await startApi({
			env: { ...(await vaultEnv(bao)), ENVTIER_VAULT_ADDR: proxy.addr },
			callers: [alice],
		});
		await api.send('POST', '/api/deployments', { as: alice, body: { name, org: 'acme' } });
		for (const serviceName of ['', 'api', 'web'])
			for (const key of ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']) {
				const body = { key, value: 'v', deploymentName: name, serviceName };
				expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
			}
	});
	afterAll(async () => {
		await api?.[Symbol.asyncDispose]();
		await proxy?.[Symbol.asyncDispose]();
	});
	/** The requests of one list. */
	const steps = async (): Promise<readonly string[]> => {
		const listed = await api.send('GET', `/api/secrets?deployment=${name}`, { as: alice });
		expect(listed.json).toHaveLength(24);
		return proxy.steps().filter((step) => step.includes('/secret/'));
	};

	test('OpenBao: one for each place', async () => {
		proxy.setFault(() => 'pass');
		const all = await steps();
		// The deployment, its members, the names of its services, its three places.
		expect(all).toHaveLength(1 + 1 + 1 + 3);
		expect(all.filter((step) => step.includes('/detailed-metadata/'))).toHaveLength(3);
	});

	test('as on HashiCorp Vault: one for each place and one for each secret, in ways that it has', async () => {
		proxy.setFault((_number, step) => (step.includes('/detailed-metadata/') ? 'no-path' : 'pass'));
		await steps();
		// Once it is known that there is no such list:
		proxy.setFault(() => 'pass');
		const all = await steps();
		const members = `GET /v1/secret/data/registry/access/deployments/${name}`;
		for (const step of all.filter((one) => one !== members))
			expect(step).toMatch(/^GET \/v1\/secret\/metadata\/[^?]*(?:\?list=1)?$/);
		// The deployment, its members, the names of its services, its three places, and the secrets.
		expect(all).toHaveLength(1 + 1 + 1 + 3 + 24);
	});
});

describe('races', () => {
	test('of concurrent updates one wins whole, and none is refused', async () => {
		const { id } = await create({ key: 'UPDATES', value: 'v', deploymentName: 'shop' });
		const values = Array.from({ length: 25 }, (_, i) => `v${i}`);
		const answers = await Promise.all(values.map((value) => send('PUT', '/api/secrets', { id, value })));
		expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
		const { value } = (await valueAt('deployments/shop/secrets/UPDATES')) as { value: string };
		expect(values).toContain(value);
	});

	test('an update never brings back what a delete took away', async () => {
		for (let round = 0; round < 15; round += 1) {
			const { id } = await create({ key: 'RACE', value: 'v', deploymentName: 'shop' });
			const [deleted, ...updates] = await Promise.all([
				send('DELETE', '/api/secrets', { id }),
				send('PUT', '/api/secrets', { id, value: 'a' }),
				send('PUT', '/api/secrets', { id, value: 'b' }),
			]);
			expect(deleted?.status).toBe(200);
			for (const { status } of updates) expect([200, 404]).toContain(status);
			expect((await bao.request('GET', 'secret/data/deployments/shop/secrets/RACE')).status).toBe(404);
		}
	});
});
