/** Other calls meet a typed secret in the moment between a key's value and its metadata. */

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mapAtMost } from '../../api/concurrency.ts';
import { isTypedName, SECRET_TYPE_NAMES, typedKeys, typedOwnersOf } from '../../contract/secret-types.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { must, putSecret } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { type StepFault, type StepProxy, startStepProxy } from './support/step-proxy.ts';

const alice = caller('user:alice');

let bao: OpenBao;
let proxy: StepProxy;
let creating: ApiUnderTest;
let other: ApiUnderTest;

beforeAll(async () => {
	bao = await startOpenBao();
	proxy = await startStepProxy(bao);
	const env = { ...(await vaultEnv(bao)), ENVTIER_API_VAULT_TIMEOUT: '30' };
	creating = await startApi({ env: { ...env, ENVTIER_VAULT_ADDR: proxy.addr }, callers: [alice] });
	other = await startApi({ env, callers: [alice] });
});
afterAll(async () => {
	await creating?.[Symbol.asyncDispose]();
	await other?.[Symbol.asyncDispose]();
	await proxy?.[Symbol.asyncDispose]();
	await bao?.stop();
});

interface Listed {
	readonly id: string;
	readonly key: string;
	readonly incomplete?: object;
}

async function deploymentOf(name: string): Promise<void> {
	const made = await other.send('POST', '/api/deployments', { as: alice, body: { name, org: 'acme' } });
	expect(made.status, made.text).toBe(201);
}

async function list(deployment: string): Promise<readonly Listed[]> {
	return (await other.send('GET', `/api/secrets?deployment=${deployment}`, { as: alice }))
		.json as readonly Listed[];
}

/** Creates the typed secret, and runs `meanwhile` with the id of its first key, which has no metadata yet. */
async function whileCreating(
	deploymentName: string,
	meanwhile: (id: string) => Promise<void>,
): Promise<void> {
	const released = Promise.withResolvers<StepFault>();
	proxy.setFault((_, step) =>
		step.startsWith('PATCH') && step.includes('/metadata/') ? released.promise : 'pass',
	);
	const body = { type: 'userpass', name: 'DB', fields: { username: 'shop' }, deploymentName };
	const creation = creating.send('POST', '/api/secrets', { as: alice, body });
	try {
		let id = '';
		await until('the value to be written', async () => {
			id = (await list(deploymentName)).find(({ key }) => key === 'DB_USERNAME')?.id ?? '';
			return id !== '';
		});
		await meanwhile(id);
	} finally {
		released.resolve('pass');
	}
	expect((await creation).status).toBe(201);
}

async function status(method: string, path: string, body: object): Promise<number> {
	const answer = await other.send(method, path, { as: alice, body });
	if (answer.status === 409) expect(answer.text).toContain('is being created by another call');
	return answer.status;
}

test.each(['created', 'created again'])('a typed secret that is %s is not changed by half', async (what) => {
	const deployment = what.replace(' ', '-');
	await deploymentOf(deployment);
	if (what === 'created again') {
		await whileCreating(deployment, async () => undefined);
		const id = (await list(deployment))[0]?.id;
		expect(await status('DELETE', '/api/secrets', { id })).toBe(200);
	}
	let early = '';
	await whileCreating(deployment, async (id) => {
		early = id;
		expect(await status('PUT', '/api/secrets', { id, fields: { username: 'x', password: 'y' } })).toBe(409);
		expect(await status('PUT', '/api/secrets', { id, value: 'x' })).toBe(409);
		expect(await status('PUT', `/api/secrets/${id}`, { tags: ['x'] })).toBe(409);
		expect(await status('DELETE', '/api/secrets', { id })).toBe(409);
	});
	const listed = await list(deployment);
	expect(listed.map(({ key, incomplete }) => [key, incomplete])).toEqual([
		['DB_PASSWORD', undefined],
		['DB_USERNAME', undefined],
	]);
	// The id of the moment names this secret or none.
	const later = await status('PUT', '/api/secrets', { id: early, fields: { username: 'x', password: 'y' } });
	expect(later).toBe(what === 'created' ? 404 : 200);
});

test('a secret that somebody wrote by other means is none of these', async () => {
	await deploymentOf('foreign');
	const path = 'secret/data/deployments/foreign/secrets/A';
	expect((await bao.request('POST', path, { body: { data: { value: 'v' } } })).status).toBe(200);
	const id = (await list('foreign'))[0]?.id;
	expect(await status('PUT', '/api/secrets', { id, value: 'w' })).toBe(200);
	expect(await status('PUT', `/api/secrets/${id}`, { tags: ['x'] })).toBe(200);
	expect(await status('DELETE', '/api/secrets', { id })).toBe(200);
});

test('a list that is read while a creation ends does not show half of it as keys of their own', async () => {
	await deploymentOf('ending');
	const [described, listed] = [Promise.withResolvers<StepFault>(), Promise.withResolvers<StepFault>()];
	proxy.setFault((_, step) => {
		if (step.startsWith('PATCH') && step.includes('/metadata/')) return described.promise;
		return step.includes('/_typed/?list') ? listed.promise : 'pass';
	});
	const body = { type: 'userpass', name: 'DB', fields: { username: 'shop' }, deploymentName: 'ending' };
	const creation = creating.send('POST', '/api/secrets', { as: alice, body });
	await until('both values to be written', async () => (await list('ending')).length === 2);
	const listing = creating.send('GET', '/api/secrets?deployment=ending', { as: alice });
	await until('the list to look for journals', async () =>
		proxy.steps().some((step) => step.includes('/_typed/?list')),
	);
	described.resolve('pass');
	expect((await creation).status).toBe(201);
	listed.resolve('pass');
	const secrets = (await listing).json as readonly (Listed & { readonly type: string })[];
	expect(secrets.map(({ key, type, incomplete }) => [key, type, incomplete])).toEqual([
		['DB_PASSWORD', 'userpass', undefined],
		['DB_USERNAME', 'userpass', undefined],
	]);
});

test.each([
	['with metadata no request', { created_at: '2026-05-04T10:00:00Z' }, 'KEY', 0],
	['without metadata one request', undefined, 'KEY', 1],
	['without metadata, named as of new typed secrets, two requests', undefined, 'PASSWORD', 2],
])('a list of keys %s more, however many they are', async (_what, metadata, suffix, more) => {
	const deployment = `many-${suffix.toLowerCase()}-${more}`;
	await deploymentOf(deployment);
	const keys = Array.from({ length: 60 }, (_, i) => `K${i}_${suffix}`);
	await mapAtMost(16, keys, async (key) => {
		const path = `deployments/${deployment}/secrets/${key}`;
		await putSecret(bao, path, 'v');
		if (metadata !== undefined)
			await must(bao, 'POST', `secret/metadata/${path}`, { body: { custom_metadata: metadata } });
	});
	proxy.setFault(() => 'pass');
	const listed = await creating.send('GET', `/api/secrets?deployment=${deployment}`, { as: alice });
	expect(listed.json).toHaveLength(keys.length);
	// The list of the folder comes first; others look for the services of the deployment.
	const steps = proxy.steps().filter((step) => /secrets\/(?:K|\?)|_typed/.test(step));
	expect(steps).toHaveLength(1 + more);
});

test('every key of a typed secret leads back to it', () => {
	const types = fc.constantFrom(...SECRET_TYPE_NAMES.filter((type) => type !== 'generic'));
	fc.assert(
		fc.property(types, fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,30}$|^$/), (type, name) => {
			fc.pre(isTypedName(type, name));
			for (const { key } of typedKeys(type, name)) expect(typedOwnersOf(key)).toContainEqual({ type, name });
		}),
	);
	expect(typedOwnersOf('A_USERNAME').filter(({ type }) => type === 'userpass')).toEqual([
		{ type: 'userpass', name: 'A' },
	]);
});
