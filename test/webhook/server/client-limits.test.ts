import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { keepAlive, open, openTcp, readAll, send, socketKeeper } from '../support/wire.ts';

const GOOD = JSON.stringify(review(podOf()));
const KIB = 1024;

const { sockets, keep: kept, close } = socketKeeper();
afterEach(close);

const head = (length: number): string =>
	`POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

async function isAnswered(server: TestServer, body = GOOD): Promise<void> {
	const agent = keepAlive(server);
	expect((await send(server, agent, { body })).status).toBe(200);
	agent.destroy();
}

describe('many connections', () => {
	const MOST = 10;

	test.for<readonly [string, (server: TestServer) => Promise<Socket>]>([
		['that never begin their handshake', openTcp],
		['that never say a word', (server) => open(server)],
		[
			'that never end their headers',
			async (server) => {
				const socket = await open(server);
				socket.write('POST /mut');
				return socket;
			},
		],
	])('%s: the oldest go, and newcomers are answered', async ([, connect]) => {
		await using server = await startServer({ connections: MOST });
		for (let i = 0; i < 3 * MOST; i += 1) kept(await connect(server));
		await isAnswered(server);
		await until('the oldest to be closed', () => sockets.filter(({ closed }) => closed).length >= 2 * MOST);
		await isAnswered(server);
	});

	test('spares a call in flight, and a connection that has called since', async () => {
		await using server = await startServer({ connections: MOST });
		const calling = kept(await open(server));
		const answer = readAll(calling);
		calling.write(head(GOOD.length) + GOOD.slice(0, 50));
		await isAnswered(server);
		const regular = keepAlive(server);
		for (let i = 0; i < 3 * MOST; i += 1) {
			kept(await openTcp(server));
			const { status, reused } = await send(server, regular, { body: GOOD });
			expect([status, reused]).toEqual([200, i > 0]);
		}
		regular.destroy();
		calling.write(GOOD.slice(50));
		calling.end();
		expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
	});
});

describe('many bodies', () => {
	const MOST = 512 * KIB;
	const PART = 200 * KIB;

	test('that never end: the oldest are cut, and newcomers are answered', async () => {
		await using server = await startServer({}, { maxReading: MOST });
		for (let i = 0; i < 6; i += 1) {
			const socket = kept(await open(server));
			socket.write(head(PART + 1) + ' '.repeat(PART));
		}
		const cut = () => sockets.filter(({ closed }) => closed).length;
		await until('all but the last two to be cut', () => cut() >= 4);
		await isAnswered(server, GOOD + ' '.repeat(PART));
		expect(server.logs.with('a defect: the call failed')).toEqual([]);
	});

	test('one body that is longer than all may be is read when it is alone', async () => {
		await using server = await startServer({}, { maxReading: 10 * KIB });
		await isAnswered(server, GOOD + ' '.repeat(PART));
	});
});
