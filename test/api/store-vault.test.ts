import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../api/store/store.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import {
	createToken,
	deleteSecret,
	destroySecret,
	must,
	putSecret,
	writePolicy,
} from '../support/openbao-setup.ts';
import { apiToken, shippedPolicy, vaultStore } from './support/stores.ts';

let bao: OpenBao;
let token: string;
let store: Store;
let close: () => void;
beforeAll(async () => {
	bao = await startOpenBao();
	token = await apiToken(bao);
	({ store, close } = vaultStore(bao, token));
});
afterAll(async () => {
	close?.();
	await bao?.stop();
});

describe('what others do in Vault', () => {
	const folder = 'deployments/shop/secrets';

	test('a version that was deleted is not live, and can be written over', async () => {
		await putSecret(bao, `${folder}/DELETED`, 'v');
		await deleteSecret(bao, `${folder}/DELETED`);
		expect(await store.head(`${folder}/DELETED`)).toMatchObject({ version: 1, live: false });
		expect(await store.put(`${folder}/DELETED`, { value: 'w' }, 0)).toBe('conflict');
		expect(await store.put(`${folder}/DELETED`, { value: 'w' }, 1)).toBe('written');
		expect(await store.head(`${folder}/DELETED`)).toMatchObject({ version: 2, live: true });
	});

	test('a version that was destroyed is not live', async () => {
		await putSecret(bao, `${folder}/DESTROYED`, 'v');
		await destroySecret(bao, `${folder}/DESTROYED`, [1]);
		expect(await store.head(`${folder}/DESTROYED`)).toMatchObject({ version: 1, live: false });
	});

	test('a secret that has only metadata is not live', async () => {
		await must(bao, 'POST', `secret/metadata/${folder}/BARE`, { body: { custom_metadata: { a: '1' } } });
		expect(await store.head(`${folder}/BARE`)).toMatchObject({ version: 0, live: false });
	});
});

describe('with the shipped policy', () => {
	const PLACES = {
		organization: 'orgs/acme',
		deployment: 'deployments/shop',
		service: 'deployments/shop/services/web',
		user: `users/${'a'.repeat(32)}`,
	};

	test.each(Object.entries(PLACES))(
		"the API's token can't read a value of the %s tier",
		async (_tier, place) => {
			const path = `${place}/secrets/KEY`;
			await putSecret(bao, path, 'hidden');
			// The same request with a token that may: the refusal is the policy's doing.
			expect((await bao.request('GET', `secret/data/${path}`)).status).toBe(200);
			for (const way of [`data/${path}`, `data/${path}?version=1`, `subkeys/${path}`]) {
				const answer = await bao.request('GET', `secret/${way}`, { token });
				expect(answer.status, way).toBe(403);
				expect(answer.text).not.toContain('hidden');
			}
			const metadata = await bao.request('GET', `secret/metadata/${path}`, { token });
			expect(metadata.status).toBe(200);
			expect(metadata.text).not.toContain('hidden');
		},
	);

	test("the API's token can't give itself more, nor touch what isn't Envtier's", async () => {
		const tries: [string, string, unknown?][] = [
			['PUT', 'sys/policies/acl/envtier-api', { policy: 'path "*" { capabilities = ["read"] }' }],
			['POST', 'auth/token/create', { policies: ['root'] }],
			['GET', 'secret/data/somewhere/else'],
			['POST', 'secret/data/somewhere/else', { data: { a: 'b' } }],
			['GET', 'secret/metadata/?list=true'],
			['GET', 'secret/metadata/orgs/?list=true'],
			['GET', 'secret/detailed-metadata/?list=true'],
			['GET', 'secret/detailed-metadata/orgs/?list=true'],
			['GET', 'secret/detailed-metadata/registry/?list=true'],
			['GET', 'secret/detailed-metadata/somewhere/secrets/?list=true'],
			['POST', 'secret/undelete/somewhere/else', { versions: [1] }],
			['POST', 'secret/destroy/registry/deployments/shop', { versions: [1] }],
			['DELETE', 'secret/data/orgs/acme/secrets/KEY'],
		];
		for (const [method, path, body] of tries)
			expect((await bao.request(method, path, { token, body })).status, `${method} ${path}`).toBe(403);
	});
});

describe('the history of a secret', () => {
	const path = 'deployments/shop/secrets/HISTORY';
	const patch = (parameters: object) =>
		bao.request('PATCH', `secret/metadata/${path}`, {
			token,
			body: parameters,
			headers: { 'content-type': 'application/merge-patch+json' },
		});

	test.each([
		{ max_versions: 1 },
		{ delete_version_after: '1s' },
		{ cas_required: true },
		{ custom_metadata: { a: '1' }, max_versions: 1 },
	])("the API's token can't end it by a patch of %j", async (parameters) => {
		await putSecret(bao, path, 'v');
		expect((await patch(parameters)).status).toBe(403);
		expect((await patch({ custom_metadata: { a: '1' } })).status).toBe(204);
	});

	test("the API's token can't replace metadata", async () => {
		await putSecret(bao, path, 'v');
		const replaced = await bao.request('POST', `secret/metadata/${path}`, {
			token,
			body: { custom_metadata: { a: '1' } },
		});
		expect(replaced.status).toBe(403);
	});
});

describe('the lines that a policy lacks', () => {
	test('are named, each of them', async () => {
		const policy = await shippedPolicy();
		const lacking = 'path "secret/undelete/deployments/+/services/+/secrets/+"';
		const without = policy
			.split('\n')
			.filter((line) => !line.startsWith(lacking))
			.join('\n');
		await writePolicy(bao, 'old-api', without);
		const old = vaultStore(bao, await createToken(bao, ['old-api']));
		expect(await old.store.missingRights()).toEqual([`${lacking} { capabilities = ["update"] }`]);
		old.close();
	});

	test('are unknown to a token that may not ask', async () => {
		await writePolicy(bao, 'none', '# nothing');
		const body = { policies: ['none'], no_default_policy: true };
		const made = await must(bao, 'POST', 'auth/token/create', { body });
		const poor = vaultStore(bao, (made as { auth: { client_token: string } }).auth.client_token);
		expect(await poor.store.missingRights()).toBeUndefined();
		poor.close();
	});
});

test('a refusal names the line that the policy lacks', async () => {
	const poor = vaultStore(bao, await createToken(bao, ['default']));
	await expect(poor.store.list('orgs/acme/secrets')).rejects.toThrow(
		'path "secret/metadata/orgs/acme/secrets/" { capabilities = ["list"] }',
	);
	await expect(poor.store.put('orgs/acme/secrets/A', { value: 'v' }, 0)).rejects.toThrow(
		'path "secret/data/orgs/acme/secrets/A" { capabilities = ["create", "update"] }',
	);
	poor.close();
});
