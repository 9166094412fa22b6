/**
 * Tests whether Vault revokes a token if the client sends the revocation and exits before the response.
 * Prints how many of 100 tokens still exist, with in-memory and raft storage, with an idle and a busy
 * server. ADR 53 uses the result.
 */
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { type OpenBao, startOpenBao } from '../test/support/openbao.ts';
import { createToken, must } from '../test/support/openbao-setup.ts';
import { openHttp2 } from './support/http2.ts';

const TOKENS = 100;
const AT_A_TIME = 10;
const BUSY = 12;
/** Milliseconds after which Vault has finished all revocations. */
const GRACE = 1_500;

const PATH = '/v1/auth/token/revoke-self';

type Way = (bao: OpenBao, token: string) => Promise<void>;

/** Sends the revocation over HTTP/2 on a used connection, then runs `then`. */
const overHttp2 =
	(then: (end: { destroy(): void; finish(): void }, answer: Promise<unknown>) => unknown): Way =>
	async (bao, token) => {
		const client = openHttp2(bao);
		await client.send('GET', '/v1/auth/token/lookup-self', token);
		const answer = client.send('POST', PATH, token, '{}').catch(() => undefined);
		for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
		const { socket } = client.session;
		await then({ destroy: () => client.close(), finish: () => void socket?.end() }, answer);
	};

const overHttp1: Way = async (bao, token) => {
	const { hostname: host, port } = new URL(bao.addr);
	const socket = connect({ host, port: Number(port), ca: bao.caPem });
	socket.on('error', () => undefined);
	await once(socket, 'secureConnect');
	socket.end(
		`POST ${PATH} HTTP/1.1\r\nhost: vault\r\nx-vault-token: ${token}\r\ncontent-length: 2\r\n\r\n{}`,
	);
};

const WAYS: readonly (readonly [string, Way])[] = [
	[
		'waits for the answer',
		overHttp2(async (end, answer) => {
			await answer;
			end.destroy();
		}),
	],
	['ends TLS and TCP in order', overHttp2((end) => end.finish())],
	[
		'ends without a word 1 ms later',
		overHttp2(async (end) => {
			await sleep(1);
			end.destroy();
		}),
	],
	[
		'ends without a word 5 ms later',
		overHttp2(async (end) => {
			await sleep(5);
			end.destroy();
		}),
	],
	['ends TLS and TCP in order, over HTTP/1.1', overHttp1],
];

async function accessors(bao: OpenBao): Promise<number> {
	const answer = await must(bao, 'GET', 'auth/token/accessors?list=true');
	return (answer as { data: { keys: string[] } }).data.keys.length;
}

/** Number of tokens that still exist after the revocations. */
async function leftBy(way: Way, bao: OpenBao): Promise<number> {
	const before = await accessors(bao);
	for (let done = 0; done < TOKENS; done += AT_A_TIME)
		await Promise.all(
			Array.from({ length: AT_A_TIME }, async () => way(bao, await createToken(bao, ['default']))),
		);
	await sleep(GRACE);
	return (await accessors(bao)) - before;
}

/** Keeps the server busy until the returned function is called. */
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
