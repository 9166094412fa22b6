import { afterEach, describe, expect, test } from 'vitest';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { keepAlive, open, openTcp, readAll, send, socketKeeper } from '../support/wire.ts';

const GOOD = JSON.stringify(review(podOf()));
const HEAD = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${GOOD.length}\r\n\r\n`;
const times = <T>(n: number, make: () => Promise<T>): Promise<T[]> =>
	Promise.all(Array.from({ length: n }, make));

const { keep: kept, close } = socketKeeper();
afterEach(close);

async function isAnswered(server: TestServer): Promise<void> {
	const agent = keepAlive(server);
	const reply = await send(server, agent, { body: GOOD });
	agent.destroy();
	expect(reply.status).toBe(200);
}

describe('clients that are slow', () => {
	test('do not hold up the others', async () => {
		await using server = await startServer();
		await times(30, async () => kept(await openTcp(server)));
		for (const written of ['', 'POST /mut', HEAD, HEAD + GOOD.slice(0, 50)])
			await times(10, async () => kept(await open(server)).write(written));
		for (let i = 0; i < 5; i += 1) await isAnswered(server);
	});

	const LIMITS = {
		handshakeTimeout: 200,
		headersTimeout: 200,
		requestTimeout: 200,
		connectionsCheckingInterval: 50,
	};

	test.for<readonly [string, string, RegExp]>([
		['with its first line', 'POST /mut', /^HTTP\/1\.1 408 /],
		['with its headers', 'POST /mutate HTTP/1.1\r\nhost: x\r\nx-a: ', /^HTTP\/1\.1 408 /],
		['with its body', HEAD + GOOD.slice(0, 50), /^HTTP\/1\.1 408 /],
	])('are cut off when one takes too long %s', async ([, written, answer]) => {
		await using server = await startServer(LIMITS);
		const socket = kept(await open(server));
		const read = readAll(socket);
		socket.write(written);
		expect(await read).toMatch(answer);
		await isAnswered(server);
	});

	test('are cut off when one never finishes its TLS handshake', async () => {
		await using server = await startServer(LIMITS);
		expect(await readAll(kept(await openTcp(server)))).toBe('');
		await isAnswered(server);
	});

	test('are cut off when one keeps a connection and says nothing more', async () => {
		await using server = await startServer({ keepAliveTimeout: 100 });
		const socket = kept(await open(server));
		const read = readAll(socket);
		socket.write(HEAD + GOOD);
		expect(await read).toMatch(/^HTTP\/1\.1 200 /);
	});
});

describe('clients that leave', () => {
	test.for<readonly [string, string]>([
		['without a word', ''],
		['in the middle of the headers', 'POST /mutate HTTP/1.1\r\nhost'],
		['in the middle of the body', HEAD + GOOD.slice(0, 50)],
		['before the answer', HEAD + GOOD],
	])('%s disturb nobody', async ([, written]) => {
		await using server = await startServer();
		await times(10, async () => {
			const tcp = kept(await openTcp(server));
			const socket = kept(await open(server, { socket: tcp }));
			await new Promise((resolve) => socket.write(written, resolve));
			tcp.resetAndDestroy();
		});
		await isAnswered(server);
		expect(server.logs.with('a defect: the call failed')).toEqual([]);
	});
});

describe('when the server stops', () => {
	const LONG = 60_000;

	test('a call in flight is answered, new connections are refused, and it does not wait for more', async () => {
		const server = await startServer();
		const socket = kept(await open(server));
		const read = readAll(socket);
		await new Promise((resolve) => socket.write(HEAD + GOOD.slice(0, 50), resolve));
		await isAnswered(server);
		const stopped = server.stop(LONG);
		await expect(openTcp(server)).rejects.toThrow('ECONNREFUSED');
		socket.write(GOOD.slice(50));
		expect(await read).toMatch(/^HTTP\/1\.1 200 .*"allowed":true/s);
		await stopped;
	});

	test('a connection that is kept but idle is closed at once', async () => {
		const server = await startServer();
		const agent = keepAlive(server);
		await send(server, agent, { body: GOOD });
		await server.stop(LONG);
		agent.destroy();
	});

	test('during the shutdown delay a keep-alive connection gets one more answer, and the server stops', async () => {
		const server = await startServer();
		const agent = keepAlive(server);
		await send(server, agent, { body: GOOD });
		const stopped = server.stop(LONG, LONG);
		const last = await send(server, agent, { body: GOOD });
		expect([last.status, last.reused, last.headers['connection']]).toEqual([200, true, 'close']);
		await stopped;
		agent.destroy();
	});

	test('during the shutdown delay new connections are still answered', async () => {
		const server = await startServer();
		kept(await open(server));
		const stopped = server.stop(LONG, 1000);
		await isAnswered(server);
		await stopped;
	});

	test('connections that have not asked for anything yet do not keep it', async () => {
		const server = await startServer();
		kept(await open(server));
		kept(await openTcp(server));
		await isAnswered(server);
		await server.stop(200);
	});

	test('a call that never ends is cut off when the time is up', async () => {
		const server = await startServer();
		const socket = kept(await open(server));
		const read = readAll(socket);
		await new Promise((resolve) => socket.write(HEAD + GOOD.slice(0, 50), resolve));
		await isAnswered(server);
		await server.stop(100);
		expect(await read).toBe('');
	});
});
