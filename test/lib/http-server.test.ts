import { once } from 'node:events';
import { get as httpGet, type IncomingMessage, type RequestListener } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { ServerLimits } from '../../lib/http/limits.ts';
import { type Running, startServer } from '../../lib/http/server.ts';
import { makeAuthority } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { readAll, socketKeeper } from '../webhook/support/wire.ts';

const AUTHORITY = await makeAuthority();
const LEAF = await AUTHORITY.issue();
/** More than the default number of connections, and more than three of these make 3,000. */
const MANY = 3_000;

const { sockets, keep, close } = socketKeeper();
afterEach(close);

interface Served extends AsyncDisposable {
	readonly port: number;
	readonly tls: boolean;
}

/** Answers once the request has arrived whole; `/wait` then gets an interim answer alone. */
const app: RequestListener = (request, response) => {
	request.resume();
	request.once('end', () => {
		if (request.url === '/wait') response.writeProcessing();
		else response.end('ok');
	});
};

async function serve(
	tls: boolean,
	limits?: Partial<ServerLimits>,
	onClientError?: (error: Error, socket: Duplex) => void,
): Promise<Served> {
	const started = await startServer({
		app,
		at: { host: '127.0.0.1', port: 0 },
		setting: 'TEST',
		tls: tls ? { context: { cert: LEAF.certPem, key: LEAF.keyPem }, onChange: () => undefined } : undefined,
		limits,
		onClientError,
	});
	if (!started.ok) throw new Error(started.error);
	const running: Running = started.value;
	return { port: running.address.port, tls, [Symbol.asyncDispose]: () => running.stop(0) };
}

async function tcp({ port }: Served): Promise<Socket> {
	const socket = keep(connect({ host: '127.0.0.1', port }));
	await once(socket, 'connect');
	return socket;
}

/** A connection on which a request can be written. */
async function open({ port, tls }: Served): Promise<Socket> {
	const socket = keep(
		tls
			? connectTls({ host: '127.0.0.1', port, ca: AUTHORITY.certPem })
			: connect({ host: '127.0.0.1', port }),
	);
	await once(socket, tls ? 'secureConnect' : 'connect');
	return socket;
}

async function isAnswered({ port, tls }: Served): Promise<void> {
	const options = { host: '127.0.0.1', port, agent: false } as const;
	const request = tls ? httpsGet({ ...options, ca: AUTHORITY.certPem }) : httpGet(options);
	const [response] = (await once(request, 'response')) as [IncomingMessage];
	expect(response.statusCode).toBe(200);
	response.resume();
	await once(response, 'end');
}

const closed = (): number => sockets.filter((socket) => socket.closed).length;

describe.for([
	['over TLS', true],
	['over plain HTTP', false],
] as const)('a server %s', ([, tls]) => {
	test(`${MANY} silent connections: 1000 stay, and a new client is answered`, async () => {
		await using server = await serve(tls);
		for (let i = 0; i < MANY; i += 100) await Promise.all(Array.from({ length: 100 }, () => tcp(server)));
		await isAnswered(server);
		await until('the oldest connections to be closed', () => closed() >= MANY - 1000 + 1);
		expect(sockets.length - closed()).toBeGreaterThanOrEqual(900);
	});

	test.for([
		['that says nothing', ''],
		['that never ends its headers', 'GET / HTTP/1.1\r\nx: '],
		['that never ends its body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc'],
	] as const)('closes a connection %s when the time is over', async ([, sent]) => {
		const time = { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 };
		await using server = await serve(tls, time);
		const socket = await open(server);
		socket.write(sent);
		expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 408 /);
		await isAnswered(server);
	});

	test('connections that all send a body slowly: the oldest is closed, and a new client is answered', async () => {
		await using server = await serve(tls, { connections: 10 });
		const slow: Socket[] = [];
		for (let i = 0; i < 10; i += 1) {
			const socket = await open(server);
			socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n');
			// The answer 100 shows that the server knows the request.
			await once(socket, 'data');
			slow.push(socket);
		}
		await isAnswered(server);
		await until('the oldest to be closed', () => slow[0]?.closed === true);
		expect(slow.slice(1).every((socket) => !socket.closed)).toBe(true);
	});

	test('connections whose requests have arrived whole are never closed for a new one', async () => {
		await using server = await serve(tls, { connections: 3 });
		const waiting: Socket[] = [];
		for (let i = 0; i < 3; i += 1) {
			const socket = await open(server);
			socket.write('GET /wait HTTP/1.1\r\nhost: x\r\n\r\n');
			await once(socket, 'data');
			waiting.push(socket);
		}
		const refused = await tcp(server);
		if (!refused.closed) await once(refused, 'close');
		expect(waiting.every((socket) => !socket.closed)).toBe(true);
	});

	test('a second request before the first is answered gets 503, and the connection ends', async () => {
		await using server = await serve(tls);
		const socket = await open(server);
		const read = readAll(socket);
		socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2));
		expect(await read).toMatch(/^HTTP\/1\.1 200 .*okHTTP\/1\.1 503 .*one request at a time/s);
		await isAnswered(server);
	});

	test('a third request before the first is answered closes the connection at once', async () => {
		await using server = await serve(tls);
		const socket = await open(server);
		const read = readAll(socket);
		socket.write('GET /wait HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(3));
		expect(await read).not.toContain(' 200 ');
		await isAnswered(server);
	});

	test('requests one after another on one connection are all answered', async () => {
		await using server = await serve(tls);
		const socket = await open(server);
		for (let i = 0; i < 5; i += 1) {
			socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
			expect(String(await once(socket, 'data'))).toMatch(/^HTTP\/1\.1 200 /);
		}
	});
});

/** Says what is wrong, and leaves the connection to the client. */
const answerErrors = (_error: Error, socket: Duplex): void => void socket.end('wrong');

test.for([
	['Node does', undefined],
	['an application that answers them', answerErrors],
] as const)(
	'a client that never begins its TLS handshake is closed when the time is over, with errors handled as %s',
	async ([, handler]) => {
		await using server = await serve(true, { handshakeTimeout: 100 }, handler);
		expect(await readAll(await tcp(server))).toBe('');
		await isAnswered(server);
	},
);

test('a client that is told of its error and keeps its side open is closed all the same', async () => {
	const served: Duplex[] = [];
	await using server = await serve(false, {}, (error, socket) => {
		served.push(socket);
		answerErrors(error, socket);
	});
	const socket = keep(connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true }));
	socket.write('no HTTP\r\n\r\n');
	expect(String(await once(socket, 'data'))).toBe('wrong');
	await until('the connection to be closed', () => served[0]?.destroyed === true, { timeoutMs: 10_000 });
});
