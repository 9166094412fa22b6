import { connect, type SecureVersion } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, type TestServer } from '../support/server.ts';
import { keepAlive, open, send } from '../support/wire.ts';

let server: TestServer;
beforeAll(async () => {
	server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** What a client that speaks this version alone gets: the version agreed on, or its error. */
async function speak(version: SecureVersion, ciphers?: string): Promise<string | null> {
	const offered = { minVersion: version, maxVersion: version, ...(ciphers === undefined ? {} : { ciphers }) };
	const socket = await open(server, offered);
	const agreed = socket.getProtocol();
	socket.destroy();
	return agreed;
}

test.for(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
	expect(await speak(version)).toBe(version);
});

test.for(['TLSv1', 'TLSv1.1'] as const)('%s is refused by the server', async (version) => {
	// Level 0 lets this client offer what OpenSSL has given up; the refusal is then the server's own.
	await expect(speak(version, 'DEFAULT@SECLEVEL=0')).rejects.toThrow(
		/alert protocol version|unsupported protocol/i,
	);
});

test('plain HTTP on the port gets no answer and harms nobody', async () => {
	const answer = await fetch(`http://127.0.0.1:${server.port}/healthz`).then(
		(response) => `HTTP ${response.status}`,
		(error: Error) => error.message,
	);
	expect(answer).toBe('fetch failed');
	expect((await send(server, keepAlive(server), { method: 'GET', path: '/healthz' })).status).toBe(200);
});

test('a client that trusts another authority breaks the connection off', async () => {
	const socket = connect({ host: '127.0.0.1', port: server.port });
	const error = await new Promise<Error & { code?: string }>((resolve) => socket.once('error', resolve));
	expect(error.code).toMatch(/UNABLE_TO|SELF_SIGNED/);
	expect((await send(server, keepAlive(server), { method: 'GET', path: '/healthz' })).status).toBe(200);
});

describe('health', () => {
	const get = async (path: string) => {
		const { status, text } = await send(server, keepAlive(server), { method: 'GET', path, headers: {} });
		return { status, text };
	};

	test('/healthz answers as long as the process does', async () => {
		server.notReady('shutting down');
		expect(await get('/healthz')).toEqual({ status: 200, text: 'ok\n' });
		server.notReady(undefined);
	});

	test('/readyz says whether calls can be sent, and why not', async () => {
		expect(await get('/readyz')).toEqual({ status: 200, text: 'ok\n' });
		server.notReady('shutting down');
		expect(await get('/readyz')).toEqual({ status: 503, text: 'shutting down\n' });
		server.notReady(undefined);
		expect(await get('/readyz')).toEqual({ status: 200, text: 'ok\n' });
	});
});
