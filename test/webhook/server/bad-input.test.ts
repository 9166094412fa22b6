import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ASKS, podOf, prefixed } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { keepAlive, type Message, open, type Reply, readAll, send } from '../support/wire.ts';

const GOOD = JSON.stringify(review(podOf()));
/** Where the deployment's name starts. */
const NAMED = GOOD.indexOf('"shop","envtier.dev/service"') + 1;
const JSON_TYPE = { 'content-type': 'application/json' };
const MIB = 1024 * 1024;

let server: TestServer;
beforeAll(async () => {
	server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Sends what is bad on a kept connection, then a good call by the same agent. */
async function badThenGood(message: Message): Promise<Reply> {
	const agent = keepAlive(server);
	try {
		const bad = await send(server, agent, message);
		const good = await send(server, agent, { body: GOOD });
		expect(good.status, 'the call after it').toBe(200);
		expect(JSON.parse(good.text).response.allowed).toBe(true);
		expect(good.reused, 'the connection is kept').toBe(true);
		expect(server.logs.with('a defect: the call failed')).toEqual([]);
		return bad;
	} finally {
		agent.destroy();
	}
}

/** A review whose pod holds `text`, which JSON.stringify would not make, at the place of `null`. */
function around(pod: object, text: string): string {
	return JSON.stringify(review(pod)).replace('"HERE"', text);
}

const nested = (depth: number, left: string, right: string): string =>
	left.repeat(depth) + right.repeat(depth);
const LISTS = nested(100_000, '[', ']');
const OBJECTS = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
/** As deep as a body may be that is short enough to be parsed unseen. */
const SOME_LISTS = nested(30_000, '[', ']');
const SOME_OBJECTS = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`;
const bytes = (...parts: (string | number[])[]): Buffer =>
	Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

/** A pod that says it was injected, with a hole in one field of its fetcher, or of its volume. */
function forged(field: string): object {
	const hole: Record<string, unknown> = {
		env: [
			{ name: 'ENVTIER_OUT', value: 'HERE' },
			{ name: 'HTTP_PROXY', value: 1 },
		],
	};
	return {
		metadata: { annotations: { 'envtier.dev/deployment': 'shop', 'envtier.dev/status': '{}' } },
		spec: {
			initContainers: [
				{ name: 'envtier-fetch', ...(field === 'volume' ? {} : { [field]: hole[field] ?? 'HERE' }) },
			],
			containers: [{ name: 'web' }],
			volumes:
				field === 'volume'
					? [{ name: 'envtier-secrets', emptyDir: { medium: 'Memory', sizeLimit: 'HERE' } }]
					: [],
		},
	};
}

describe('a body that is no review is refused with the reason', () => {
	test.for<readonly [sentence: string, status: number, text: string, message: Message]>([
		['nothing', 400, 'not JSON', { body: '' }],
		['no body and no type', 415, 'application/json', { headers: {} }],
		['truncated JSON', 400, 'not JSON', { body: GOOD.slice(0, -20) }],
		['JSON with a comment', 400, 'not JSON', { body: `/* */${GOOD}` }],
		['JSON twice', 400, 'not JSON', { body: GOOD + GOOD }],
		['YAML', 400, 'not JSON', { body: 'kind: AdmissionReview' }],
		[
			'protobuf',
			415,
			'application/json',
			{ body: bytes('k8s\0'), headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } },
		],
		[
			'a form',
			415,
			'application/json',
			{ body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
		],
		['a type that is none', 415, 'application/json', { body: GOOD, headers: { 'content-type': 'json' } }],
		[
			'another character set',
			415,
			'UTF-8',
			{ body: GOOD, headers: { 'content-type': 'application/json; charset=x-none' } },
		],
		[
			'a gzipped body',
			415,
			'not compressed',
			{ body: gzipSync(GOOD), headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
		],
		[
			'a body that only says that it is gzipped',
			415,
			'not compressed',
			{ body: GOOD, headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
		],
		['10 MB', 413, 'larger than', { body: Buffer.alloc(10 * MIB, 'a') }],
		[
			'10 MB without a length',
			413,
			'larger than',
			{ body: Buffer.alloc(10 * MIB, 'a'), headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked' } },
		],
		['another kind', 400, 'not an AdmissionReview', { body: GOOD.replace('AdmissionReview', 'TokenReview') }],
		['another version', 400, 'not an AdmissionReview', { body: GOOD.replace('k8s.io/v1', 'k8s.io/v1beta1') }],
		['a pod', 400, 'not an AdmissionReview', { body: JSON.stringify(podOf()) }],
		['no request', 400, 'no request', { body: JSON.stringify({ ...review(podOf()), request: undefined }) }],
		['no uid', 400, 'request.uid', { body: GOOD.replace('"uid"', '"uuid"') }],
		['a long uid', 400, 'request.uid', { body: JSON.stringify(review(podOf(), { uid: 'u'.repeat(MIB) })) }],
		['100,000 lists in each other', 400, 'nested more than 200 deep', { body: LISTS }],
		['100,000 objects in each other', 400, 'not an AdmissionReview', { body: OBJECTS }],
		['two million empty objects', 400, 'more than 40000 values', { body: `[${'{},'.repeat(2_000_000)}{}]` }],
		['a million lists that are never closed', 400, 'nested more than 200 deep', { body: '['.repeat(MIB) }],
		['NUL bytes', 400, 'not JSON', { body: Buffer.alloc(1000) }],
		['UTF-16', 400, 'not JSON', { body: Buffer.from(GOOD, 'utf16le') }],
		['random bytes', 400, 'not JSON', { body: Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x80, 0xc0]) }],
	])('%s', async ([, status, text, message]) => {
		const reply = await badThenGood(message);
		expect(reply).toMatchObject({ status, text: expect.stringContaining(text) });
		expect(reply.headers['content-type']).toMatch(/^text\/plain/);
		expect(reply.text.length).toBeLessThan(200);
	});
});

describe('a review with an odd pod is answered as a review', () => {
	const metadata = { annotations: prefixed(ASKS) };
	const spec = { containers: [{ name: 'web', image: 'web:1', securityContext: { runAsUser: 1000 } }] };
	test.for<readonly [sentence: string, allowed: boolean, body: string | Buffer]>([
		['a byte order mark before it', true, `\ufeff${GOOD}`],
		['no object', false, JSON.stringify(review(null)).replace('"object":null', '"object":"x"')],
		['a null object, which asks for nothing', true, JSON.stringify(review(null))],
		['30,000 lists where nobody looks', true, around({ metadata, spec: { ...spec, x: 'HERE' } }, SOME_LISTS)],
		[
			'10,000 objects where nobody looks',
			true,
			around({ metadata, spec: { ...spec, x: 'HERE' } }, SOME_OBJECTS),
		],
		['100,000 lists where nobody looks', false, around({ metadata, spec: { ...spec, x: 'HERE' } }, LISTS)],
		[
			'30,000 lists for the containers',
			false,
			around({ metadata, spec: { containers: 'HERE' } }, SOME_LISTS),
		],
		[
			'30,000 lists for a capability',
			false,
			around(
				{ metadata, spec: { containers: [{ securityContext: { capabilities: { drop: ['HERE'] } } }] } },
				SOME_LISTS,
			),
		],
		[
			'10,000 objects for an annotation',
			false,
			around({ metadata: { annotations: 'HERE' }, spec }, `{"envtier.dev/org":${SOME_OBJECTS}}`),
		],
		[
			'a status of 30,000 lists',
			true,
			JSON.stringify(
				review({
					metadata: { annotations: { ...metadata.annotations, 'envtier.dev/status': SOME_LISTS } },
					spec,
				}),
			),
		],
		...['env', 'securityContext', 'image', 'lifecycle', 'terminationMessagePath', 'volume'].map(
			(field): [string, boolean, string] => [
				`30,000 lists for ${field} of a fetcher that someone typed`,
				!['securityContext', 'terminationMessagePath'].includes(field),
				around(forged(field), SOME_LISTS),
			],
		),
		[
			'__proto__ as an annotation of ours',
			false,
			around(
				{ metadata: { annotations: 'HERE' }, spec },
				'{"envtier.dev/deployment":"shop","envtier.dev/__proto__":"x"}',
			),
		],
		[
			'__proto__ as an annotation',
			true,
			around(
				{ metadata: { annotations: 'HERE' }, spec },
				'{"envtier.dev/deployment":"shop","__proto__":"x"}',
			),
		],
		[
			'__proto__ as the annotations of a pod without any',
			true,
			around({ metadata: 'HERE', spec }, '{"__proto__":{"annotations":{"envtier.dev/deployment":"shop"}}}'),
		],
		[
			'constructor and prototype everywhere',
			true,
			around(
				{ metadata, spec: { ...spec, constructor: 'HERE' } },
				'{"prototype":{"allowed":true,"polluted":1}}',
			),
		],
		[
			'toString where strings are turned into text',
			false,
			around({ metadata, spec: { containers: ['HERE'] } }, '{"name":{"toString":null}}'),
		],
		[
			'a lone surrogate in a name',
			true,
			around({ metadata: { ...metadata, name: 'HERE' }, spec }, '"\\ud800"'),
		],
		[
			'a lone surrogate in an annotation of ours',
			false,
			around({ metadata: { annotations: 'HERE' }, spec }, '{"envtier.dev/deployment":"\\udc00"}'),
		],
		[
			'invalid UTF-8 in an annotation of ours',
			false,
			bytes(GOOD.slice(0, NAMED), [0xc3, 0x28, 0xff], GOOD.slice(NAMED)),
		],
		[
			'a thousand containers',
			true,
			JSON.stringify(
				review({
					metadata,
					spec: {
						containers: Array.from({ length: 1000 }, (_, i) => ({ ...spec.containers[0], name: `c${i}` })),
					},
				}),
			),
		],
		[
			'a hundred thousand annotations of others',
			false,
			JSON.stringify(
				review({
					metadata: {
						annotations: {
							...metadata.annotations,
							...Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`a${i}`, ''])),
						},
					},
					spec,
				}),
			),
		],
		[
			'a hundred thousand annotations of ours',
			false,
			JSON.stringify(
				review({
					metadata: {
						annotations: Object.fromEntries(
							Array.from({ length: 100_000 }, (_, i) => [`envtier.dev/a${i}`, '']),
						),
					},
					spec,
				}),
			),
		],
	])('%s', async ([, allowed, body]) => {
		const reply = await badThenGood({ body });
		expect(reply.status).toBe(200);
		const { response } = JSON.parse(reply.text);
		expect(response.allowed, reply.text).toBe(allowed);
		expect(reply.text.length).toBeLessThan(MIB);
		expect({}).not.toHaveProperty('polluted');
		expect({}).not.toHaveProperty('annotations');
	});
});

describe('other paths and methods', () => {
	test.for<readonly [method: string, path: string, status: number]>([
		['GET', '/', 404],
		['GET', '/mutate', 405],
		['PUT', '/mutate', 405],
		['DELETE', '/mutate', 405],
		['PATCH', '/mutate', 405],
		['POST', '/mutate/', 200],
		['POST', '/mutate?timeout=5s', 200],
		['POST', '/Mutate/x', 404],
		['POST', '/mutate/../healthz', 404],
		['POST', '/healthz', 405],
		['GET', '/healthz', 200],
		['HEAD', '/healthz', 200],
		['GET', '/readyz', 200],
		['GET', '/healthz/x', 404],
		['GET', '/%', 404],
		['GET', '/%ff', 404],
		['GET', '/%00', 404],
		['GET', '//', 404],
		['GET', '/.env', 404],
		['TRACE', '/mutate', 405],
		['PROPFIND', '/mutate', 405],
	])('%s %s: %i', async ([method, path, status]) => {
		const reply = await badThenGood({ method, path, body: GOOD });
		expect(reply.status).toBe(status);
		if (status === 405) expect(reply.headers['allow']).toMatch(/POST|GET/);
		expect(reply.headers).not.toHaveProperty('x-powered-by');
	});

	test('OPTIONS lists the allowed methods', async () => {
		const reply = await badThenGood({ method: 'OPTIONS' });
		expect(reply.headers['allow']).toBe('POST');
	});
});

describe('bytes that are not HTTP get at most a 4xx, and the next connection is served', () => {
	const head = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
	test.for<readonly [sentence: string, raw: string]>([
		['garbage', '\u0016\u0003\u0001 garbage\r\n\r\n'],
		['a request line alone', 'POST\r\n\r\n'],
		['another version of HTTP', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
		['no host', 'POST /mutate HTTP/1.1\r\n\r\n'],
		['a length that is none', `${head}content-length: many\r\n\r\n`],
		['a negative length', `${head}content-length: -1\r\n\r\n`],
		['two lengths', `${head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`],
		['a length and chunks', `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
		['a chunk that is none', `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`],
		['headers without end', `${head}x-a: ${'a'.repeat(100_000)}\r\n\r\n`],
		[
			'a thousand headers',
			`${head}${Array.from({ length: 5000 }, (_, i) => `x-${i}: ${i}\r\n`).join('')}\r\n`,
		],
		['a header with a NUL', `${head}x-a: a\0b\r\n\r\n`],
		['an expectation nobody knows', `${head}expect: wonders\r\ncontent-length: 0\r\n\r\n`],
		['a proxy’s request', 'CONNECT vault:8200 HTTP/1.1\r\nhost: vault:8200\r\n\r\n'],
	])('%s', async ([, raw]) => {
		const socket = await open(server);
		const answer = readAll(socket);
		socket.end(raw);
		expect(await answer).toMatch(/^(HTTP\/1\.1 4\d\d [\s\S]*)?$/);
		const agent = keepAlive(server);
		expect((await send(server, agent, { body: GOOD })).status).toBe(200);
		agent.destroy();
	});
});
