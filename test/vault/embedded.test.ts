import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as http2Connect } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type DevVault, type DevVaultOptions, startDevVault } from '../../dev/vault/start.ts';
import { call } from '../support/http.ts';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { ensureBao } from '../support/openbao-binary.ts';
import { runProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';
import { until } from '../support/until.ts';

const CONTENT = `
orgs: {acme: {LOG_LEVEL: info}}
deployments:
  shop:
    secrets: {DATABASE_URL: postgres://db}
    services: {web: {SESSION_KEY: not-so-secret}}
`;

async function started(options: DevVaultOptions = {}): Promise<DevVault> {
	const vault = await startDevVault({ content: CONTENT, ...options });
	onTestFinished(() => vault.close());
	return vault;
}

function send(vault: DevVault, method: string, path: string, body?: unknown, token = vault.rootToken) {
	const headers = { 'x-vault-token': token };
	return call({ url: `${vault.addr}/v1/${path}`, method, body, headers, caPem: vault.caPem });
}

const { sign } = makeJwtSigner();

async function login(vault: DevVault, role = 'anything', mount = 'kubernetes'): Promise<string> {
	const jwt = sign(serviceAccountClaims('shop', 'web'));
	const { json } = await send(vault, 'POST', `auth/${mount}/login`, { role, jwt }, '');
	return (json as { auth: { client_token: string } }).auth.client_token;
}

describe('without roles in its file', () => {
	test('any role logs in on either mount and reads what pods receive, and nothing else', async () => {
		const vault = await started({ content: `${CONTENT}\nkv: {secret: 2, legacy: 1}` });
		for (const mount of ['kubernetes', 'jwt']) {
			const token = await login(vault, 'whoever', mount);
			const as = (method: string, path: string, body?: unknown) => send(vault, method, path, body, token);
			expect((await as('GET', 'secret/data/orgs/acme/secrets/LOG_LEVEL')).status).toBe(200);
			expect((await as('LIST', 'secret/metadata/deployments/shop/secrets')).status).toBe(200);
			expect((await as('GET', 'legacy/deployments/shop/secrets/DATABASE_URL')).status).toBe(200);
			expect((await as('LIST', 'legacy/orgs/acme/secrets')).status).toBe(200);
			expect((await as('GET', 'secret/data/templates/small/secrets/KEY')).status).toBe(403);
			expect((await as('POST', 'secret/data/orgs/acme/secrets/NEW', { data: {} })).status).toBe(403);
			expect((await as('GET', 'secret/metadata/orgs/acme/secrets/LOG_LEVEL')).status).toBe(403);
		}
	});
});

describe('the clock it is given', () => {
	test('ends tokens', async () => {
		let now = Date.now();
		const vault = await started({ content: `${CONTENT}\nroles: {web: {ttl: 5m}}`, now: () => now });
		const token = await login(vault, 'web');
		const look = () => send(vault, 'GET', 'auth/token/lookup-self', undefined, token);
		now += 299_000;
		expect((await look()).json).toMatchObject({ data: { ttl: 1 } });
		await send(vault, 'POST', 'auth/token/renew-self', {}, token);
		now += 299_000;
		expect((await look()).status).toBe(200);
		now += 2_000;
		expect((await look()).status).toBe(403);
	});

	test('ends versions that delete themselves', async () => {
		let now = Date.now();
		const vault = await started({ now: () => now });
		await send(vault, 'POST', 'secret/metadata/brief', { delete_version_after: '10s' });
		await send(vault, 'POST', 'secret/data/brief', { data: { value: 'x' } });
		expect((await send(vault, 'GET', 'secret/data/brief')).status).toBe(200);
		now += 10_001;
		const gone = await send(vault, 'GET', 'secret/data/brief');
		expect(gone).toMatchObject({ status: 404, json: { data: { data: null, metadata: { version: 1 } } } });
	});
});

describe('the requests that it counts', () => {
	test('have method, path, connection and status, and nothing of what they carried', async () => {
		const vault = await started();
		const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: vault.caPem });
		onTestFinished(() => agent.destroy());
		const ask = (method: string, path: string) =>
			new Promise<number | undefined>((resolve, reject) => {
				const headers = { 'x-vault-token': vault.rootToken, 'x-vault-namespace': 'root' };
				httpsRequest(`${vault.addr}/v1/${path}`, { method, agent, headers }, (response) => {
					response.resume().on('end', () => resolve(response.statusCode));
				})
					.on('error', reject)
					.end();
			});
		expect(await ask('LIST', 'secret/metadata/deployments/shop/secrets')).toBe(200);
		expect(await ask('GET', 'secret/data/deployments/shop/secrets/DATABASE_URL')).toBe(200);
		expect(await ask('LIST', 'secret/metadata/orgs/none')).toBe(404);
		await send(vault, 'POST', 'secret/data/x', { data: { value: 'not-so-secret' } }, 's.unknown');
		const first = { connection: 1, namespace: '' };
		expect(vault.requests).toEqual([
			{
				...first,
				method: 'LIST',
				operation: 'list',
				path: 'secret/metadata/deployments/shop/secrets/',
				status: 200,
			},
			{
				...first,
				method: 'GET',
				operation: 'read',
				path: 'secret/data/deployments/shop/secrets/DATABASE_URL',
				status: 200,
			},
			{ ...first, method: 'LIST', operation: 'list', path: 'secret/metadata/orgs/none/', status: 404 },
			{
				connection: 2,
				namespace: '',
				method: 'POST',
				operation: 'write',
				path: 'secret/data/x',
				status: 403,
			},
		]);
	});
});

describe('the wire', () => {
	test('speaks HTTP/2 where the client offers it, many requests on one connection', async () => {
		const vault = await started();
		const session = http2Connect(vault.addr, { ca: vault.caPem });
		onTestFinished(() => session.destroy());
		const answers = await Promise.all([
			overHttp2(session, 'LIST', '/v1/secret/metadata/deployments/shop/secrets', vault.rootToken),
			overHttp2(session, 'GET', '/v1/secret/data/orgs/acme/secrets/LOG_LEVEL', vault.rootToken),
			overHttp2(session, 'POST', '/v1/secret/data/new', vault.rootToken, '{"data":{"value":"x"}}'),
			overHttp2(session, 'GET', '/v1/secret/data/none', vault.rootToken),
		]);
		expect(answers).toEqual([200, 200, 200, 404]);
		expect(new Set(vault.requests.map(({ connection }) => connection))).toEqual(new Set([1]));
		expect(vault.requests.map(({ method }) => method)).toContain('LIST');
	});

	test('takes a LIST that arrives byte by byte, and bodies that begin with that word', async () => {
		const vault = await started();
		const socket = tlsConnect({ port: Number(new URL(vault.addr).port), host: '127.0.0.1', ca: vault.caPem });
		onTestFinished(() => void socket.destroy());
		let received = '';
		socket.on('data', (chunk: Buffer) => {
			received += chunk.toString();
		});
		const head = `host: x\r\nx-vault-token: ${vault.rootToken}\r\n`;
		const statuses = () => received.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
		for (const byte of `LIST /v1/secret/metadata/orgs HTTP/1.1\r\n${head}\r\n`) socket.write(byte);
		await until('the first answer', () => statuses().length === 1);
		socket.write(`POST /v1/secret/data/x HTTP/1.1\r\n${head}content-length: 12\r\n\r\n`);
		socket.write('LIST /v1/x y');
		await until('the second answer', () => statuses().length === 2);
		socket.write(`LIST /v1/secret/metadata/orgs HTTP/1.1\r\n${head}\r\n`);
		await until('the third answer', () => statuses().length === 3);
		expect(statuses()).toEqual(['200', '400', '200']);
		expect(received).toContain('failed to decode JSON input');
	});

	test('a client that goes away in the middle of a request harms nobody', async () => {
		const vault = await started();
		const socket = tlsConnect({ port: Number(new URL(vault.addr).port), host: '127.0.0.1', ca: vault.caPem });
		await new Promise((resolve) => socket.once('secureConnect', resolve));
		socket.write('POST /v1/secret/data/x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"data"');
		socket.destroy();
		expect((await send(vault, 'GET', 'sys/health')).status).toBe(200);
	});

	test('no TLS below 1.2 and no plain HTTP', async () => {
		const vault = await started();
		await expect(call({ url: vault.addr.replace('https:', 'http:') })).rejects.toThrow();
		const socket = tlsConnect({
			...{ port: Number(new URL(vault.addr).port), host: '127.0.0.1', ca: vault.caPem },
			...{ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
		});
		await expect(
			new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject)),
		).rejects.toThrow();
	});

	test('a certificate of one’s own is served', async () => {
		const authority = await makeAuthority();
		const vault = await started({ tls: { ...(await authority.issue()), caPem: authority.certPem } });
		expect(vault.caPem).toBe(authority.certPem);
		expect((await send(vault, 'GET', 'sys/health')).status).toBe(200);
	});

	test('its own certificate is accepted under every local name', async () => {
		const vault = await started();
		const url = `https://localhost:${new URL(vault.addr).port}/v1/sys/health`;
		expect((await call({ url, caPem: vault.caPem })).status).toBe(200);
		await expect(call({ url })).rejects.toThrow();
	});
});

describe('the bao command', () => {
	test('works against it as against a real server', async () => {
		const vault = await started();
		const dir = await mkdtemp(join(tmpdir(), 'envtier-cli-'));
		onTestFinished(() => rm(dir, { recursive: true }));
		await writeFile(join(dir, 'ca.pem'), vault.caPem);
		const { path: command } = await ensureBao();
		const environment = { HOME: dir, PATH: process.env['PATH'], VAULT_FORMAT: 'json', BAO_FORMAT: 'json' };
		const bao = async (...args: string[]) => {
			const access = { ADDR: vault.addr, CACERT: join(dir, 'ca.pem'), TOKEN: vault.rootToken };
			const both = Object.entries(access).flatMap(([name, value]) => [
				[`BAO_${name}`, value],
				[`VAULT_${name}`, value],
			]);
			const env = { ...environment, ...Object.fromEntries(both) };
			const { code, stdout, stderr } = await runProcess({ command, args, env, cwd: dir });
			return {
				code,
				stderr,
				json: stdout.startsWith('{') || stdout.startsWith('[') ? JSON.parse(stdout) : stdout,
			};
		};
		const url = 'deployments/shop/secrets/DATABASE_URL';
		expect(await bao('kv', 'get', '-mount=secret', url)).toMatchObject({
			code: 0,
			json: { data: { data: { value: 'postgres://db' } } },
		});
		expect((await bao('kv', 'put', '-mount=secret', '-cas=1', url, 'value=other')).code).toBe(0);
		expect((await bao('kv', 'put', '-mount=secret', '-cas=1', url, 'value=late')).code).not.toBe(0);
		expect(await bao('kv', 'list', 'secret/deployments/shop')).toMatchObject({
			json: ['secrets/', 'services/'],
		});
		expect((await bao('kv', 'delete', '-mount=secret', url)).code).toBe(0);
		expect((await bao('kv', 'undelete', '-mount=secret', '-versions=2', url)).code).toBe(0);
		expect(await bao('kv', 'metadata', 'get', '-mount=secret', url)).toMatchObject({
			json: { data: { current_version: 2 } },
		});
		expect((await bao('kv', 'patch', '-mount=secret', url, 'more=x')).code).toBe(0);
		expect(await bao('kv', 'get', '-mount=secret', url)).toMatchObject({
			json: { data: { data: { value: 'other', more: 'x' }, metadata: { version: 3 } } },
		});
		expect(await bao('token', 'lookup')).toMatchObject({ json: { data: { policies: ['root'] } } });
		expect((await bao('status')).code).toBe(0);
		expect((await bao('operator', 'seal')).code).toBe(0);
		expect((await bao('status')).code).toBe(2);
		expect((await bao('operator', 'unseal', vault.unsealKey)).code).toBe(0);
		expect((await bao('status')).code).toBe(0);
	});
});

function overHttp2(
	session: ClientHttp2Session,
	method: string,
	path: string,
	token: string,
	body?: string,
): Promise<number> {
	return new Promise((resolve, reject) => {
		const stream = session.request({ ':method': method, ':path': path, 'x-vault-token': token });
		let status = 0;
		stream.on('response', (headers) => {
			status = headers[':status'] ?? 0;
		});
		stream.on('error', reject);
		stream.resume().on('end', () => resolve(status));
		stream.end(body);
	});
}
