import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putSecret } from '../support/openbao-setup.ts';
import { makeAuthority } from '../support/tls.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import { buildFetcher, makePod, type Pod, runFetcher } from './support/fetcher.ts';

/** A server of the test, on a free port of the loopback address. */
interface Listening extends AsyncDisposable {
	readonly port: number;
}

async function listen(
	server: ReturnType<typeof createHttpServer> | ReturnType<typeof createHttpsServer>,
): Promise<Listening> {
	const sockets = new Set<Socket>();
	server.on('connection', (socket: Socket) => {
		sockets.add(socket);
		socket.once('close', () => sockets.delete(socket));
		socket.on('error', () => socket.destroy());
	});
	await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
	return {
		port: (server.address() as AddressInfo).port,
		[Symbol.asyncDispose]: async () => {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

/** An HTTP proxy. `answer` gives the head to answer the nth CONNECT with; undefined: it connects. */
async function startProxy(answer: (number: number) => string | undefined = () => undefined) {
	const asked: string[] = [];
	const server = createHttpServer();
	server.on('connect', (request: IncomingMessage, client: Socket) => {
		asked.push(request.url ?? '');
		const head = answer(asked.length);
		if (head !== undefined) {
			client.end(head);
			return;
		}
		const [host = '', port = ''] = (request.url ?? '').split(':');
		// Names of Vault mean nothing outside of the proxy's network.
		const vault = connect(
			{ host: host.endsWith('.example') ? '127.0.0.1' : host, port: Number(port) },
			() => {
				client.write('HTTP/1.1 200 Connection established\r\n\r\n');
				vault.pipe(client).pipe(vault);
			},
		);
		for (const socket of [vault, client])
			socket.on('error', () => [vault, client].map((one) => one.destroy()));
	});
	const running = await listen(server);
	return { ...running, asked, url: `http://127.0.0.1:${running.port}` };
}

let fetcher: string;
let vault: Backend;
let pod: Pod;
beforeAll(async () => {
	[fetcher, vault] = await Promise.all([buildFetcher(), startReal()]);
	await putSecret(vault, 'orgs/acme/secrets/COLOUR', 'red');
});
afterAll(async () => {
	await vault?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
	pod = await makePod(vault.jwt());
});
afterEach(() => pod.scratch.remove());

const fetch = (env: Readonly<Record<string, string>>) =>
	runFetcher(fetcher, pod, { ...vaultEnv(vault), ENVTIER_TIERS: 'org', ...env });

const authority = await makeAuthority('CA of a reverse proxy');

/** A reverse proxy for an OpenBao below a path. HTTP/1.1, with a certificate for `names`. */
async function startReverseProxy(path: string, names: readonly string[]) {
	const { certPem, keyPem } = await authority.issue({ names });
	const seen: { readonly url: string; readonly serverName: string | false | null }[] = [];
	const server = createHttpsServer({ cert: certPem, key: keyPem }, (request, response) => {
		const url = request.url ?? '';
		seen.push({ url, serverName: (request.socket as TLSSocket).servername });
		if (!url.startsWith(`${path}/v1/`)) {
			response.writeHead(404).end('not found');
			return;
		}
		const onwards = httpsRequest(new URL(url.slice(path.length), vault.addr), {
			method: request.method,
			headers: { ...request.headers, host: new URL(vault.addr).host },
			ca: vault.caPem,
			agent: false,
		});
		onwards.once('response', (answer) => {
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.pipe(response);
		});
		request.pipe(onwards);
	});
	return { ...(await listen(server)), seen };
}

describe('Vault below a path', () => {
	test.for(['/vault', '/infra/vault/'])('%s', async (path) => {
		await using front = await startReverseProxy(path.replace(/\/$/, ''), ['127.0.0.1']);
		const run = await fetch({
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${front.port}${path}`,
			ENVTIER_VAULT_CA: authority.certPem,
		});
		expect([run.code, run.message]).toEqual([0, '']);
		expect(front.seen.every(({ url }) => url.startsWith(`${path.replace(/\/$/, '')}/v1/`))).toBe(true);
	});

	test('the path is left out: what answers there is no Vault', async () => {
		await using front = await startReverseProxy('/vault', ['127.0.0.1']);
		const run = await fetch({
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${front.port}`,
			ENVTIER_VAULT_CA: authority.certPem,
			ENVTIER_DEADLINE: '5',
		});
		expect(run.code).not.toBe(0);
		expect(run.message).toContain(`Vault at https://127.0.0.1:${front.port}`);
	});
});

describe('a certificate for another name than the host', () => {
	const NAME = 'vault.internal.example';

	test('is refused', async () => {
		await using front = await startReverseProxy('', [NAME]);
		const run = await fetch({
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${front.port}`,
			ENVTIER_VAULT_CA: authority.certPem,
		});
		expect([run.code, run.message]).toEqual([
			29,
			expect.stringContaining('its certificate is for other names'),
		]);
	});

	test('is taken when the setting says that name, which is also the TLS server name', async () => {
		await using front = await startReverseProxy('', [NAME]);
		const run = await fetch({
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${front.port}`,
			ENVTIER_VAULT_CA: authority.certPem,
			ENVTIER_VAULT_TLS_NAME: NAME,
		});
		expect([run.code, run.message]).toEqual([0, '']);
		expect(front.seen.at(-1)?.serverName).toBe(NAME);
	});

	test('is refused when the setting says a third name', async () => {
		await using front = await startReverseProxy('', [NAME]);
		const run = await fetch({
			ENVTIER_VAULT_ADDR: `https://127.0.0.1:${front.port}`,
			ENVTIER_VAULT_CA: authority.certPem,
			ENVTIER_VAULT_TLS_NAME: 'vault.other.example',
		});
		expect(run.code).toBe(29);
	});
});

describe('a proxy', () => {
	const at = (): string => new URL(vault.addr).host;

	test('connects to Vault, and TLS is with Vault itself: over HTTP/1.1, with two connections at most', async () => {
		await using proxy = await startProxy();
		const run = await fetch({ ENVTIER_VAULT_PROXY: proxy.url });
		expect([run.code, run.message]).toEqual([0, '']);
		expect(new Set(proxy.asked)).toEqual(new Set([at()]));
		expect(proxy.asked.length).toBeLessThanOrEqual(2);
	});

	test('over HTTP/1.1', async () => {
		await using proxy = await startProxy();
		await using front = await startReverseProxy('/vault', ['vault.example']);
		const run = await fetch({
			ENVTIER_VAULT_ADDR: `https://vault.example:${front.port}/vault`,
			ENVTIER_VAULT_CA: authority.certPem,
			ENVTIER_VAULT_PROXY: proxy.url,
		});
		expect([run.code, run.message]).toEqual([0, '']);
		// The name is the proxy's to resolve.
		expect(new Set(proxy.asked)).toEqual(new Set([`vault.example:${front.port}`]));
	});

	test('that is somebody else’s gets no token: its certificate is not Vault’s', async () => {
		await using front = await startReverseProxy('', ['127.0.0.1']);
		const server = createHttpServer();
		server.on('connect', (_request, client: Socket) => {
			const other = connect({ host: '127.0.0.1', port: front.port }, () => {
				client.write('HTTP/1.1 200 OK\r\n\r\n');
				other.pipe(client).pipe(other);
			});
			for (const socket of [other, client])
				socket.on('error', () => [other, client].map((one) => one.destroy()));
		});
		await using proxy = await listen(server);
		const run = await fetch({ ENVTIER_VAULT_PROXY: `http://127.0.0.1:${proxy.port}` });
		expect(run.code).toBe(29);
		expect(front.seen).toEqual([]);
	});

	test('that answers 502 for a moment is asked again', async () => {
		await using proxy = await startProxy((number) =>
			number < 4 ? 'HTTP/1.1 502 Bad Gateway\r\n\r\n' : undefined,
		);
		const run = await fetch({ ENVTIER_VAULT_PROXY: proxy.url });
		expect([run.code, run.message]).toEqual([0, '']);
		expect(run.log[0]?.msg).toMatch(
			/the proxy \S+ does not connect to \S+: HTTP 502 Bad Gateway; trying again/,
		);
	});

	test.for<readonly [string, string, string]>([
		['forbids it', 'HTTP/1.1 403 Forbidden\r\n\r\n', 'HTTP 403 Forbidden'],
		['wants credentials', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', 'HTTP 407'],
		['is no proxy', 'SSH-2.0-OpenSSH\r\n\r\n', 'does not answer as an HTTP proxy does'],
		['speaks before its host can', 'HTTP/1.1 200 OK\r\n\r\nhello', 'sends more than an answer to CONNECT'],
		[
			'never ends its head',
			`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}`,
			'does not answer as an HTTP proxy does',
		],
		['writes escapes', 'HTTP/1.1 403 \u001b[2J\r\n\r\n', 'HTTP 403'],
	])('that %s: said at once, with the setting', async ([, head, message]) => {
		await using proxy = await startProxy(() => head);
		const run = await fetch({ ENVTIER_VAULT_PROXY: proxy.url });
		expect(run.code).toBe(24);
		expect(run.message).toContain(`the proxy ${proxy.url} `);
		expect(run.message).toContain(message);
		expect(run.message).toContain('ENVTIER_VAULT_PROXY');
		expect(run.message).not.toContain('\u001b');
		// Asked a second time for what it says.
		expect(proxy.asked.length).toBeLessThanOrEqual(2);
	});

	test('that is not there: tried until the deadline', async () => {
		const run = await fetch({ ENVTIER_VAULT_PROXY: 'http://127.0.0.1:1', ENVTIER_DEADLINE: '3' });
		expect(run.code).toBe(24);
		expect(run.message).toContain('the proxy http://127.0.0.1:1 cannot be reached (ECONNREFUSED)');
	});

	test('that the environment names is not used', async () => {
		const proxies = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];
		const run = await fetch({
			...Object.fromEntries(proxies.map((name) => [name, 'http://127.0.0.1:1'])),
			NODE_USE_ENV_PROXY: '1',
		});
		expect([run.code, run.message]).toEqual([0, '']);
	});
});
