import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTcpProxy, type TcpFault, type TcpProxyOptions } from '../support/fault-proxy.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import { askWithTransport, buildFetcher, makePod, runFetcher } from './support/fetcher.ts';

const CONTENT = "export A='1'\nexport B='2'\n";

/** Parallel fetches, each through its own proxy. Most of their time is the pause before the next attempt. */
const LANES = 8;

let vault: Backend;
let fetcher: string;
beforeAll(async () => {
	[fetcher, vault] = await Promise.all([buildFetcher(), startReal()]);
	await putSecret(vault, 'orgs/acme/secrets/A', '1');
	await putSecret(vault, 'deployments/shop/secrets/B', '2');
});
afterAll(() => vault[Symbol.asyncDispose]());

/** A pod behind a proxy. */
async function openLane(options: TcpProxyOptions) {
	const pod = await makePod(vault.jwt());
	const proxy = await startTcpProxy(Number(new URL(vault.addr).port), options);
	const plain = options.unwrap !== undefined;
	const env = {
		...{ ...vaultEnv(vault), ENVTIER_DEADLINE: '60', ENVTIER_SERVICE: '' },
		ENVTIER_VAULT_ADDR: `http${plain ? '' : 's'}://127.0.0.1:${proxy.port}`,
		...(plain ? { ENVTIER_VAULT_INSECURE_HTTP: 'true', ENVTIER_VAULT_CA: undefined } : {}),
	};
	return {
		proxy,
		files: pod.files,
		/** One fetch. */
		fetch: async () => expect(await runFetcher(fetcher, pod, env)).toMatchObject({ code: 0, message: '' }),
		close: async () => {
			await proxy[Symbol.asyncDispose]();
			await pod.scratch.remove();
		},
	};
}

type Lane = Awaited<ReturnType<typeof openLane>>;

/** Cuts the first connection of a fetch. */
async function cut(
	{ proxy, fetch, files }: Lane,
	fault: Extract<TcpFault, { after: number }>,
): Promise<void> {
	const first = proxy.connections() + 1;
	proxy.setFault((number): TcpFault => (number === first ? fault : { kind: 'pass' }));
	await fetch();
	expect({ ...fault, files: files() }).toEqual({ ...fault, files: { env: CONTENT } });
}

/** Cuts at each `step`-th byte that the server sends. */
async function cutEverywhere(kind: 'reset' | 'end', step: number, options: TcpProxyOptions): Promise<number> {
	const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(options)));
	const [one] = lanes;
	await one?.fetch();
	const bytes = one?.proxy.received() ?? 0;
	let next = 0;
	const drive = async (lane: Lane): Promise<void> => {
		for (; next < bytes; ) {
			const after = next;
			next += step;
			await cut(lane, { kind, after });
		}
	};
	await Promise.all(lanes.map(drive));
	await Promise.all(lanes.map(({ close }) => close()));
	return bytes;
}

/** What the real server is asked, and what it is asked with. */
const REQUESTS: readonly (readonly [string, string, () => string])[] = [
	['login', 'POST /v1/auth/jwt/login', () => JSON.stringify({ role: 'web', jwt: vault.jwt() })],
	['list', 'GET /v1/secret/metadata/orgs/acme/secrets?list=true', () => ''],
	['read', 'GET /v1/secret/data/orgs/acme/secrets/A', () => ''],
];

/** The bytes of the real server's answer over HTTP/1.1. */
function answerOf(request: string, body: string): Promise<Buffer> {
	const { port } = new URL(vault.addr);
	const head = `host: vault\r\nx-vault-token: ${vault.rootToken}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
	return new Promise((resolve, reject) => {
		const chunks: Buffer[] = [];
		const socket = connect({ port: Number(port), host: '127.0.0.1', ca: vault.caPem });
		socket.on('error', reject);
		socket.on('data', (chunk: Buffer) => chunks.push(chunk));
		socket.on('end', () => resolve(Buffer.concat(chunks)));
		socket.write(`${request} HTTP/1.1\r\n${head}\r\n\r\n${body}`);
	});
}

/** Answers a request for `/v1/N` with the first N of these bytes, and then cuts the connection. */
async function startReplay(bytes: Buffer, kind: 'reset' | 'end') {
	const server = createServer((socket) => {
		socket.on('error', () => undefined);
		socket.once('data', (head: Buffer) => {
			const upTo = Number(/^GET \/v1\/(\d+) /.exec(head.toString('latin1'))?.[1]);
			// A reset may overtake what was written before it, and then comes too early.
			socket.write(bytes.subarray(0, upTo), () =>
				setImmediate(() => void (kind === 'reset' ? socket.resetAndDestroy() : socket.end())),
			);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	return {
		port,
		[Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
	};
}

describe.each(['reset', 'end'] as const)('a connection that is cut (%s)', (kind) => {
	test.each<readonly [string, (caPem: string) => TcpProxyOptions]>([
		['TLS and HTTP/2', () => ({})],
		['plain HTTP/1.1', (unwrap) => ({ unwrap })],
	])('anywhere in %s: the fetch retryable, and gives the same', async (_what, options) => {
		// A partial TLS record is never processed, so any cut is equal. The step has no common factor with a
		// length.
		const bytes = await cutEverywhere(kind, 97, options(vault.caPem));
		expect(bytes).toBeGreaterThan(2_000);
	});

	test.each(REQUESTS)(
		'at each byte of the answer to a %s: nothing is taken for an answer, and the retry succeeds',
		async (_what, head, body) => {
			const bytes = await answerOf(head, body());
			await using replay = await startReplay(bytes, kind);
			const paths = Array.from({ length: bytes.length + 1 }, (_, after) => `/v1/${after}`);
			const outcomes = await askWithTransport(`http://127.0.0.1:${replay.port}`, paths);
			expect(outcomes.slice(0, -1).filter((outcome) => outcome !== 'retryable')).toEqual([]);
			expect(outcomes.at(-1)).toBe(200);
		},
	);
});
