/** The Vault client of Node programs, against servers that answer by a script. */
import { inspect } from 'node:util';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openVaultClient, type VaultClient, type VaultClientOptions } from '../../../lib/vault/client.ts';
import type { VaultEndpoint } from '../../../lib/vault/types.ts';
import { json, type Script, type ScriptedOptions, startScriptedVault } from '../../support/scripted-vault.ts';
import { type Authority, makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';

const TOKEN = 's.abcdefghijklmnopqrstuvwx';
const DATA = { data: { value: 'v' } };
let authority: Authority;
beforeAll(async () => {
	authority = await makeAuthority();
});

interface Given extends VaultClientOptions {
	readonly endpoint?: Partial<VaultEndpoint>;
	/** Names of the server's certificate. */
	readonly names?: readonly string[];
	readonly tls?: Partial<NonNullable<ScriptedOptions['tls']>>;
}

/** A server over TLS and a client for it. */
async function serve(script: Script, { endpoint = {}, names, tls, ...options }: Given = {}) {
	const leaf = await authority.issue({ names: names ?? ['localhost', '127.0.0.1'] });
	const server = await startScriptedVault({ script, tls: { ...leaf, ...tls } });
	const client = openVaultClient(
		{
			...{ address: server.addr, ca: authority.certPem, tlsName: undefined, namespace: undefined },
			timeout: 10_000,
			...endpoint,
		},
		options,
	);
	return {
		server,
		client,
		[Symbol.asyncDispose]: async () => {
			client.close();
			await server[Symbol.asyncDispose]();
		},
	};
}

afterEach(() => {
	vi.unstubAllEnvs();
});

describe('requests', () => {
	test.each<[string, (client: VaultClient) => Promise<unknown>, object]>([
		[
			'a read',
			(client) => client.read('secret/data/a%20b', TOKEN),
			{ method: 'GET', path: 'secret/data/a%20b', body: '' },
		],
		[
			'a list, without the method LIST',
			(client) => client.list('secret/metadata/a/', TOKEN),
			{ method: 'GET', path: 'secret/metadata/a/?list=1', body: '' },
		],
		[
			'a write',
			(client) => client.write('secret/data/a', DATA, TOKEN),
			{
				...{ method: 'POST', path: 'secret/data/a', body: JSON.stringify(DATA) },
				headers: expect.objectContaining({ 'content-type': 'application/json' }),
			},
		],
		[
			'a merge patch',
			(client) => client.patch('secret/metadata/a', DATA, TOKEN),
			{
				...{ method: 'PATCH', path: 'secret/metadata/a', body: JSON.stringify(DATA) },
				headers: expect.objectContaining({ 'content-type': 'application/merge-patch+json' }),
			},
		],
		[
			'a deletion',
			(client) => client.delete('secret/metadata/a', TOKEN),
			{ method: 'DELETE', path: 'secret/metadata/a', body: '' },
		],
	])('%s', async (_name, send, expected) => {
		await using on = await serve(() => json(200, DATA), { endpoint: { namespace: 'team-a' } });
		expect(await send(on.client)).toMatchObject({ ok: true, value: { status: 200, json: DATA } });
		expect(on.server.requests).toEqual([expect.objectContaining(expected)]);
		expect(on.server.requests[0]?.headers).toMatchObject({
			...{ 'x-vault-token': TOKEN, 'x-vault-namespace': 'team-a', 'x-vault-request': 'true' },
		});
	});

	test('a token goes with its own request alone', async () => {
		await using on = await serve(() => json(200, { auth: { client_token: TOKEN } }));
		await on.client.read('a', TOKEN);
		await on.client.write('auth/kubernetes/login', { role: 'r', jwt: 'j' });
		expect(on.server.requests.map(({ headers }) => headers['x-vault-token'])).toEqual([TOKEN, undefined]);
	});

	test('an address with a path, and a slash at its end', async () => {
		await using on = await serve(() => json(200, DATA));
		const shared = { ca: authority.certPem, tlsName: undefined, namespace: undefined, timeout: 10_000 };
		const client = openVaultClient({ ...shared, address: `${on.server.addr}/vault/` });
		expect(await client.read('secret/a')).toMatchObject({ ok: true });
		expect(on.server.requests[0]?.path).toBe('/vault/v1/secret/a');
		client.close();
	});

	test('VAULT_* variables and DEBUG change nothing', async () => {
		const elsewhere = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'of-the-environment' };
		const more = { VAULT_NAMESPACE: 'other', VAULT_PREFIX: '/other', VAULT_SKIP_VERIFY: '1', DEBUG: '*' };
		for (const [name, value] of Object.entries({ ...elsewhere, ...more })) vi.stubEnv(name, value);
		const write = vi.spyOn(process.stderr, 'write');
		await using on = await serve(() => json(200, DATA));
		await on.client.write('secret/data/a', { data: { value: 'hidden' } });
		const [request] = on.server.requests;
		expect(request?.path).toBe('secret/data/a');
		expect(request?.headers).not.toHaveProperty('x-vault-token');
		expect(request?.headers).not.toHaveProperty('x-vault-namespace');
		expect(write.mock.calls.join()).not.toContain('hidden');
		write.mockRestore();
	});
});

describe('responses', () => {
	test.each([200, 204, 400, 403, 404, 405, 412, 429, 472, 500, 501, 503])(
		'status %i is a response, as is the same status of sys/health',
		async (status) => {
			await using on = await serve(() => (status === 204 ? { status } : json(status, { errors: ['no'] })));
			for (const path of ['secret/data/a', 'sys/health'])
				expect(await on.client.read(path)).toEqual({
					ok: true,
					value: {
						...{ method: 'GET', path, status },
						json: status === 204 ? undefined : { errors: ['no'] },
						date: expect.any(Number),
					},
				});
		},
	);

	test('a redirect is a response: the token goes to no other server', async () => {
		await using other = await serve(() => json(200, DATA));
		await using on = await serve(({ path }) => ({
			status: 307,
			headers: { location: `${other.server.addr}/v1/${path}` },
		}));
		expect(await on.client.read('secret/data/a', TOKEN)).toMatchObject({ ok: true, value: { status: 307 } });
		expect(other.server.requests).toEqual([]);
	});

	test.each([
		['no JSON', '<html>'],
		['JSON that is nested too deep', '['.repeat(101) + ']'.repeat(101)],
		['JSON with too many names and values', `{"data":[${'0,'.repeat(200_000)}0]}`],
	])('a body of %s is a response without JSON', async (_name, body) => {
		await using on = await serve(() => ({ status: 200, body }));
		expect(await on.client.read('a')).toMatchObject({ ok: true, value: { status: 200, json: undefined } });
	});

	test('a body of 16 MiB is read; one byte more is a failure', async () => {
		const limit = 16 * 1024 * 1024;
		const text = (size: number): string => `"${'x'.repeat(size - 2)}"`;
		await using on = await serve(({ path }) => ({ status: 200, body: text(Number(path)) }));
		expect(await on.client.read(String(limit))).toMatchObject({ ok: true, value: { status: 200 } });
		expect(await on.client.read(String(limit + 1))).toEqual({
			ok: false,
			error: { kind: 'too-large', code: '', message: `sends more than ${limit} bytes` },
		});
	});
});

describe('deadlines', () => {
	test.each<[string, Script]>([
		['no response', () => new Promise(() => undefined)],
		['a body that does not end', () => ({ status: 200, body: '{', open: true })],
	])('%s is a failure within the timeout, and is not tried again', async (_name, script) => {
		await using on = await serve(script, { endpoint: { timeout: 300 }, pauses: [10, 10] });
		const start = performance.now();
		expect(await on.client.read('a', TOKEN)).toEqual({
			ok: false,
			error: { kind: 'unreachable', code: 'TIMEOUT', message: 'does not answer within 0.3 s' },
		});
		expect(performance.now() - start).toBeLessThan(1_300);
		expect(on.server.requests).toHaveLength(1);
	});
});

describe('TLS', () => {
	const untrusted = (lacks: string) => ({ ok: false, error: { kind: 'untrusted', lacks } });

	test('a certificate of another CA is a failure, also with NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
		vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
		const other = await makeAuthority('Another CA');
		await using on = await serve(() => json(200, DATA), { endpoint: { ca: other.certPem } });
		expect(await on.client.read('a', TOKEN)).toMatchObject(untrusted('trusted-ca'));
		expect(on.server.requests).toEqual([]);
	});

	test('a certificate for another name is a failure, unless the name is given', async () => {
		const names = ['vault.example.com'];
		await using strict = await serve(() => json(200, DATA), { names });
		expect(await strict.client.read('a', TOKEN)).toMatchObject(untrusted('name'));
		await using named = await serve(() => json(200, DATA), { names, endpoint: { tlsName: names[0] } });
		expect(await named.client.read('a', TOKEN)).toMatchObject({ ok: true });
		await using misnamed = await serve(() => json(200, DATA), { endpoint: { tlsName: 'vault.other' } });
		expect(await misnamed.client.read('a', TOKEN)).toMatchObject(untrusted('name'));
	});

	test('a connection elsewhere asks for the address, and checks its name', async () => {
		const names = ['vault.example.com'];
		await using on = await serve(() => json(200, DATA), { names });
		const via = { host: '127.0.0.1', port: on.server.port };
		const shared = { ca: authority.certPem, tlsName: undefined, namespace: undefined, timeout: 10_000, via };
		const client = openVaultClient({ ...shared, address: 'https://vault.example.com:8200' });
		expect(await client.read('a')).toMatchObject({ ok: true });
		expect(on.server.requests[0]?.headers['host']).toBe('vault.example.com:8200');
		const other = openVaultClient({ ...shared, address: 'https://vault.other:8200' });
		expect(await other.read('a')).toMatchObject(untrusted('name'));
		client.close();
		other.close();
	});

	test('TLS 1.1 is a failure', async () => {
		await using on = await serve(() => json(200, DATA), {
			tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
		});
		expect(await on.client.read('a')).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
	});
});

test('at most 16 requests are under way; the others wait', async () => {
	let underWay = 0;
	let most = 0;
	let release = (): void => undefined;
	const released = new Promise<void>((resolve) => {
		release = resolve;
	});
	await using on = await serve(async () => {
		underWay += 1;
		most = Math.max(most, underWay);
		await released;
		underWay -= 1;
		return json(200, DATA);
	});
	const reads = Promise.all(Array.from({ length: 64 }, (_, i) => on.client.read(`a/${i}`)));
	await until('16 requests', () => underWay === 16);
	release();
	expect((await reads).every(({ ok }) => ok)).toBe(true);
	expect(most).toBe(16);
	expect(on.server.connections()).toBe(16);
});

describe('further attempts', () => {
	const pauses = [5, 5];
	const reset = { status: 200, raw: 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{' };
	test.each<[string, 'read' | 'write' | 'patch' | 'delete', Script, number]>([
		['a read is sent again when Vault is sealed', 'read', () => json(503, {}), 3],
		['a write is sent again when Vault is sealed', 'write', () => json(503, {}), 3],
		['a write is sent again when the rate is limited', 'write', () => json(429, {}), 3],
		['a refusal is final', 'read', () => json(403, {}), 1],
		['an internal error is final', 'read', () => json(500, {}), 1],
		['a read is sent again when the response is cut off', 'read', () => reset, 3],
		['a merge patch is sent again when the response is cut off', 'patch', () => reset, 3],
		['a deletion is sent again when the response is cut off', 'delete', () => reset, 3],
		['a write is not: Vault may have done it', 'write', () => reset, 1],
	])('%s', async (_name, verb, script, count) => {
		await using on = await serve(script, { pauses });
		if (verb === 'write' || verb === 'patch') await on.client[verb]('a', DATA);
		else await on.client[verb]('a');
		expect(on.server.requests).toHaveLength(count);
	});

	test('without pauses there is one attempt', async () => {
		await using on = await serve(() => json(503, {}));
		await on.client.read('a');
		expect(on.server.requests).toHaveLength(1);
	});
});

test('no failure holds a token or a value', async () => {
	await using on = await serve(() => ({ status: 200, raw: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{' }));
	const outcomes = [await on.client.write('a', { data: { value: 'hidden' } }, TOKEN)];
	const shared = { ca: undefined, tlsName: undefined, namespace: undefined, timeout: 10_000 };
	const nowhere = openVaultClient({ ...shared, address: 'http://127.0.0.1:1' });
	outcomes.push(await nowhere.write('a', { data: { value: 'hidden' } }, TOKEN));
	outcomes.push(await nowhere.read('a', `${TOKEN}\n`));
	for (const outcome of outcomes) {
		expect(outcome.ok).toBe(false);
		expect(inspect(outcome, { depth: null, showHidden: true })).not.toMatch(/abcdefg|hidden/);
	}
});
