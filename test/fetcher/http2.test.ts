import { once } from 'node:events';
import {
	constants,
	createServer,
	type Http2Server,
	type ServerHttp2Stream,
	type ServerOptions,
} from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../fetcher/failure.ts';
import type { Answer, Connection, Request } from '../../fetcher/transport/exchange.ts';
import { encodeFrame, FRAME, LONGEST_FRAME } from '../../fetcher/transport/frames.ts';
import { encodeFields } from '../../fetcher/transport/hpack.ts';
import { speakHttp2 } from '../../fetcher/transport/http2.ts';

const ADDRESS = 'https://vault.example:8200';

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Request => ({
	...{ method: 'GET', path, headers, body: undefined },
});
const post = (path: string, body: Buffer): Request => ({ method: 'POST', path, headers: {}, body });

interface Opened extends AsyncDisposable {
	readonly connection: Connection;
}

/** A connection of ours to a server, without TLS, which is no business of HTTP/2's. */
async function open(server: Server | Http2Server): Promise<Opened> {
	await once(server.listen(0, '127.0.0.1'), 'listening');
	const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
	await once(socket, 'connect');
	const connection = speakHttp2(socket, ADDRESS);
	return {
		connection,
		[Symbol.asyncDispose]: async () => {
			connection.close();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

type Handler = (
	stream: ServerHttp2Stream,
	path: string,
	body: Buffer,
	fields: Readonly<Record<string, unknown>>,
) => void;

/** Node's own server, which is nghttp2. */
function nghttp2(handler: Handler, options: ServerOptions = {}): Promise<Opened> {
	const server = createServer(options);
	server.on('stream', (stream: ServerHttp2Stream, fields) => {
		const chunks: Buffer[] = [];
		stream.on('error', () => undefined);
		stream.on('data', (chunk: Buffer) => chunks.push(chunk));
		stream.on('end', () => handler(stream, String(fields[':path']), Buffer.concat(chunks), fields));
	});
	return open(server);
}

const ask = ({ connection }: Opened, request: Request, timeout = 20_000): Promise<Answer> =>
	connection.exchange(request, timeout);

describe('beside nghttp2', () => {
	test('whatever status and fields come are understood', async () => {
		await using opened = await nghttp2((stream, path) => {
			const { status, ...fields } = JSON.parse(Buffer.from(path.slice(1), 'base64url').toString());
			stream.respond({ ':status': status, ...fields });
			stream.end('x');
		});
		// A field's value neither begins nor ends with a space (RFC 9110, 5.5).
		const value = fc
			.string({ unit: 'binary-ascii', maxLength: 200 })
			.map((text) => text.replace(/[^ -~]/g, '').trim());
		const status = fc
			.integer({ min: 200, max: 599 })
			.filter((one) => one !== 204 && one !== 205 && one !== 304);
		await fc.assert(
			fc.asyncProperty(status, value, value, async (code, location, type) => {
				const wanted = { status: code, location, 'content-type': type };
				const path = `/${Buffer.from(JSON.stringify(wanted)).toString('base64url')}`;
				const answer = await ask(opened, get(path));
				expect({ status: answer.status, location: answer.location, type: answer.contentType }).toEqual({
					...{ status: code, location, type },
				});
			}),
			{ numRuns: 150 },
		);
	});

	test.each<readonly [string, ServerOptions]>([
		['as usual', {}],
		['with padding', { paddingStrategy: constants.PADDING_STRATEGY_MAX }],
		['that takes ten bytes at a time', { settings: { initialWindowSize: 10 } }],
		['that takes two requests at a time', { settings: { maxConcurrentStreams: 2 } }],
	])('bodies come and go whole, many at a time: a server %s', async (_what, options) => {
		await using opened = await nghttp2((stream, _path, body) => {
			stream.respond({ ':status': 200 });
			stream.end(body);
		}, options);
		// The server's settings come with its first answer.
		await ask(opened, get('/'));
		const sizes = [0, 1, 9, 10, 11, 1_000, 16_383, 16_384, 16_385, 70_000];
		const bodies = [...sizes, ...sizes, ...sizes].map((size, i) => Buffer.alloc(size, i + 1));
		const answers = await Promise.all(bodies.map((body) => ask(opened, post('/', body))));
		expect(answers.map(({ body }) => body.length)).toEqual(bodies.map(({ length }) => length));
		for (const [i, { body }] of answers.entries()) expect(body.equals(bodies[i] ?? body)).toBe(true);
	});

	// nghttp2 ends a connection whose client has not taken note of a smaller table (RFC 7541, 4.2), as proxies may announce.
	test.each([0, 1, 1_024, 4_095, 4_096, 65_536])(
		'a server with a header table of %d bytes: one connection serves every request',
		async (headerTableSize) => {
			await using opened = await nghttp2(
				(stream, _path, _body, fields) => {
					stream.respond({ ':status': 200, 'content-type': String(fields['x-vault-token']) });
					stream.end();
				},
				{ settings: { headerTableSize } },
			);
			// The first before the server's settings have come, the others after that, alone and at the same time.
			for (let i = 0; i < 3; i++) {
				const tokens = Array.from({ length: 20 }, (_, n) => `token ${i} ${n} ${'x'.repeat(300)}`);
				const answers = await Promise.all(
					tokens.map((token) => ask(opened, get('/', { 'x-vault-token': token, 'user-agent': 'test' }))),
				);
				expect(answers.map(({ contentType }) => contentType)).toEqual(tokens);
			}
			expect(opened.connection.usable()).toBe(true);
		},
	);

	test('answers of many MiB in a row, beyond every window', async () => {
		await using opened = await nghttp2((stream) => {
			stream.respond({ ':status': 200 });
			stream.end(Buffer.alloc(7 << 20, 1));
		});
		for (let i = 0; i < 12; i++) expect((await ask(opened, get('/'))).body.length).toBe(7 << 20);
	});

	test('a token of many KiB, and fields that do not fit into a frame', async () => {
		await using opened = await nghttp2((stream, _path, _body, fields) => {
			stream.respond({ ':status': 200, location: 'l'.repeat(40_000) });
			stream.end(String(fields['x-vault-token']));
		});
		const token = 't'.repeat(40_000);
		const { body, location } = await ask(opened, get('/', { 'x-vault-token': token }));
		expect(body.toString()).toBe(token);
		expect(location).toBe('l'.repeat(40_000));
	});

	test('hints before the answer, and fields after it, change nothing', async () => {
		await using opened = await nghttp2((stream) => {
			stream.additionalHeaders({ ':status': 103, link: '</x>' });
			stream.respond({ ':status': 200 }, { waitForTrailers: true });
			stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': '1' }));
			stream.end('body');
		});
		expect(await ask(opened, get('/'))).toMatchObject({ status: 200, body: Buffer.from('body') });
	});

	test('a server that says goodbye answers what it took; nothing new is sent to it', async () => {
		await using opened = await nghttp2((stream) => {
			stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id);
			setImmediate(() => {
				stream.respond({ ':status': 200 });
				stream.end('last');
			});
		});
		expect((await ask(opened, get('/'))).body.toString()).toBe('last');
		expect(opened.connection.usable()).toBe(false);
		await expect(ask(opened, get('/'))).rejects.toMatchObject({ code: 'ECONNRESET' });
	});

	test('one request that is refused or given up leaves the others alone', async () => {
		await using opened = await nghttp2((stream, path) => {
			if (path === '/refused') stream.close(constants.NGHTTP2_REFUSED_STREAM);
			else if (path === '/large') {
				stream.respond({ ':status': 200 });
				stream.end(Buffer.alloc(9 << 20));
			} else {
				stream.respond({ ':status': 200 });
				stream.end('fine');
			}
		});
		const [refused, large, fine] = await Promise.allSettled(
			['/refused', '/large', '/fine'].map((path) => ask(opened, get(path))),
		);
		expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'ECONNRESET' } });
		expect(large).toMatchObject({ status: 'rejected', reason: { reason: 'bad-answer' } });
		expect(fine).toMatchObject({ status: 'fulfilled' });
		expect((await ask(opened, get('/fine'))).body.toString()).toBe('fine');
	});

	test('after a silence the connection is used no more', async () => {
		await using opened = await nghttp2(() => undefined);
		await expect(ask(opened, get('/'), 100)).rejects.toMatchObject({ reason: 'unreachable', heals: true });
		expect(opened.connection.usable()).toBe(false);
	});
});

/** Says these bytes to whoever connects, in pieces of such a size. */
function saying(bytes: Buffer, piece: number): Server {
	return createTcpServer({ noDelay: true }, (socket) => {
		socket.on('error', () => undefined);
		socket.once('data', async () => {
			for (let at = 0; at < bytes.length; at += piece) {
				socket.write(bytes.subarray(at, at + piece));
				await new Promise(setImmediate);
			}
			socket.end();
		});
	});
}

const SETTINGS = encodeFrame(FRAME.settings, 0, 0, Buffer.alloc(0));
const head = (status: string, flags = 0x4): Buffer =>
	encodeFrame(
		FRAME.headers,
		flags,
		1,
		encodeFields(
			[
				[':status', status],
				['content-type', 'text/plain'],
			],
			new Set(),
		),
	);
const body = (text: string, flags = 0x1): Buffer => encodeFrame(FRAME.data, flags, 1, Buffer.from(text));

describe('bytes as they come', () => {
	test.each([1, 2, 3, 7, 1_000])('in pieces of %d', async (piece) => {
		await using opened = await open(
			saying(Buffer.concat([SETTINGS, head('200'), body('a', 0), body('b')]), piece),
		);
		expect(await ask(opened, get('/'))).toMatchObject({
			status: 200,
			contentType: 'text/plain',
			body: Buffer.from('ab'),
		});
	});

	test.each<readonly [string, Buffer]>([
		['a frame that is too long', encodeFrame(FRAME.data, 0, 1, Buffer.alloc(LONGEST_FRAME + 1))],
		[
			'more padding than frame',
			Buffer.concat([head('200'), encodeFrame(FRAME.data, 0x8, 1, Buffer.from([9, 0]))]),
		],
		['a body without a head', body('x')],
		['a status that is none', head('abc')],
		['an index beyond the table', encodeFrame(FRAME.headers, 0x4, 1, Buffer.from([0xff, 0x00]))],
		['a number without an end', encodeFrame(FRAME.headers, 0x4, 1, Buffer.alloc(20, 0xff))],
		['text that is cut off', encodeFrame(FRAME.headers, 0x4, 1, Buffer.from([0x00, 0x7e, 0x41]))],
		['a head that is cut off', Buffer.concat([head('200', 0), body('x')])],
		[
			'a head that never ends',
			Buffer.concat([
				head('200', 0),
				...Array.from({ length: 20 }, () => encodeFrame(FRAME.continuation, 0, 1, Buffer.alloc(0))),
			]),
		],
		['a push', encodeFrame(FRAME.pushPromise, 0x4, 1, Buffer.alloc(4))],
		['settings that are cut off', encodeFrame(FRAME.settings, 0, 0, Buffer.alloc(4))],
	])('%s is no HTTP/2', async (_what, bytes) => {
		await using opened = await open(saying(Buffer.concat([SETTINGS, bytes]), 1_000));
		await expect(ask(opened, get('/'))).rejects.toMatchObject({ reason: 'bad-answer', heals: false });
		expect(opened.connection.usable()).toBe(false);
	});

	test('an answer that came in time is one, although nobody looked before its time was over', async () => {
		const server = createTcpServer((socket) => {
			socket.on('error', () => undefined);
			socket.once('data', () => {
				socket.write(
					Buffer.concat([SETTINGS, head('200'), encodeFrame(FRAME.data, 1, 1, Buffer.from('in time'))]),
				);
				// The answer is on its way; for as long as this takes, neither side does anything.
				const end = performance.now() + 500;
				while (performance.now() < end);
			});
		});
		await using opened = await open(server);
		expect((await ask(opened, get('/'), 200)).body.toString()).toBe('in time');
		expect(opened.connection.usable()).toBe(true);
	});

	test('whatever comes, a request ends, and by an answer only if there is one', async () => {
		const frame = fc
			.tuple(
				fc.integer({ min: 0, max: 10 }),
				fc.nat(255),
				fc.constantFrom(0, 1, 1, 1, 3),
				fc.uint8Array({ maxLength: 40 }),
			)
			.map(([type, flags, stream, payload]) => encodeFrame(type, flags, stream, Buffer.from(payload)));
		const junk = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
		const good = fc.constantFrom(head('200'), head('404', 0x5), body('x', 0));
		const pieces = fc.array(fc.oneof({ weight: 4, arbitrary: frame }, { weight: 3, arbitrary: good }, junk), {
			maxLength: 6,
		});
		await fc.assert(
			fc.asyncProperty(pieces, fc.integer({ min: 1, max: 50 }), async (some, piece) => {
				await using opened = await open(saying(Buffer.concat([SETTINGS, ...some]), piece));
				const ended = await ask(opened, get('/'), 5_000).then(
					({ status }) => status >= 200 && status < 600,
					(thrown) =>
						thrown instanceof Failure ? thrown.reason === 'bad-answer' : thrown.code === 'ECONNRESET',
				);
				expect(ended).toBe(true);
			}),
			{ numRuns: 300 },
		);
	});
});
