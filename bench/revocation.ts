/**
 * Whether a token is gone when a client sends its revocation and then ends, instead of waiting for the answer: how many of 100 tokens are
 * left, with Vault in memory and on raft, alone and beside busy clients. What ADR 68 decides by.
 */
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { speakHttp2 } from '../fetcher/transport/http2.ts';
import { type OpenBao, startOpenBao } from '../test/support/openbao.ts';
import { createToken, must } from '../test/support/openbao-setup.ts';

const TOKENS = 100;
const AT_A_TIME = 10;
const BUSY = 12;
/** What was begun is done by then, or never. */
const GRACE = 1_500;

const PATH = '/v1/auth/token/revoke-self';

type Way = (bao: OpenBao, token: string) => Promise<void>;

async function open({ addr, caPem: ca }: OpenBao, protocol: 'h2' | 'http/1.1') {
	const { hostname: host, port } = new URL(addr);
	const socket = connect({ host, port: Number(port), ca, ALPNProtocols: [protocol] });
	socket.on('error', () => undefined);
	await once(socket, 'secureConnect');
	return socket;
}

/** Sends the revocation over HTTP/2, on a connection that is in use, and does something then. */
const overHttp2 =
	(then: (socket: Awaited<ReturnType<typeof open>>, answer: Promise<unknown>) => unknown): Way =>
	async (bao, token) => {
		const socket = await open(bao, 'h2');
		const connection = speakHttp2(socket, bao.addr);
		const headers = { 'x-vault-token': token };
		const ask = (method: string, path: string, body?: Buffer) =>
			connection.exchange({ method, path, headers, body }, 30_000);
		await ask('GET', '/v1/auth/token/lookup-self');
		const answer = ask('POST', PATH, Buffer.from('{}')).catch(() => undefined);
		for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
		await then(socket, answer);
	};

const overHttp1: Way = async (bao, token) => {
	const socket = await open(bao, 'http/1.1');
	socket.end(
		`POST ${PATH} HTTP/1.1\r\nhost: vault\r\nx-vault-token: ${token}\r\ncontent-length: 2\r\n\r\n{}`,
	);
};

const WAYS: readonly (readonly [string, Way])[] = [
	[
		'waits for the answer',
		overHttp2(async (socket, answer) => {
			await answer;
			socket.destroy();
		}),
	],
	['ends TLS and TCP in order', overHttp2((socket) => socket.end())],
	[
		'ends without a word 1 ms later',
		overHttp2(async (socket) => {
			await sleep(1);
			socket.destroy();
		}),
	],
	[
		'ends without a word 5 ms later',
		overHttp2(async (socket) => {
			await sleep(5);
			socket.destroy();
		}),
	],
	['ends TLS and TCP in order, over HTTP/1.1', overHttp1],
];

async function accessors(bao: OpenBao): Promise<number> {
	const answer = await must(bao, 'GET', 'auth/token/accessors?list=true');
	return (answer as { data: { keys: string[] } }).data.keys.length;
}

/** How many tokens are left. */
async function leftBy(way: Way, bao: OpenBao): Promise<number> {
	const before = await accessors(bao);
	for (let done = 0; done < TOKENS; done += AT_A_TIME)
		await Promise.all(
			Array.from({ length: AT_A_TIME }, async () => way(bao, await createToken(bao, ['default']))),
		);
	await sleep(GRACE);
	return (await accessors(bao)) - before;
}

/** Keeps the server busy until told to stop. */
function busy(bao: OpenBao, clients: number): () => Promise<unknown> {
	let stop = false;
	const each = async (): Promise<void> => {
		while (!stop) await bao.request('GET', 'auth/token/lookup-self');
	};
	const all = Promise.all(Array.from({ length: clients }, each));
	return () => {
		stop = true;
		return all;
	};
}

process.stdout.write(`tokens left of ${TOKENS} when the client, having sent the revocation, …\n`);
for (const durable of [false, true]) {
	await using bao = await startOpenBao({ durable });
	for (const clients of [0, BUSY]) {
		const stop = busy(bao, clients);
		for (const [what, way] of WAYS) {
			const place = `${durable ? 'raft' : 'memory'}, ${clients} busy clients`;
			process.stdout.write(`${place.padEnd(24)} ${what.padEnd(42)} ${await leftBy(way, bao)}\n`);
		}
		await stop();
	}
}
