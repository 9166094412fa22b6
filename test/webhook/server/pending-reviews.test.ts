import { afterEach, expect, test } from 'vitest';
import { err } from '../../../contract/result.ts';
import { until } from '../../support/until.ts';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { startServer } from '../support/server.ts';
import { settings } from '../support/settings.ts';
import { keepAlive, open, type Reply, send, socketKeeper } from '../support/wire.ts';

const { keep, close } = socketKeeper();
afterEach(close);

/** Settings of a webhook that knows no namespace yet. */
const UNKNOWN = { ...settings().injection, orgLabel: err('namespace-unknown' as const) };
const KNOWN = settings().injection;
const body = (namespace: string): string => JSON.stringify(review(podOf(), { namespace }));

/** A server whose reviews wait until `arrive` says that their namespace is known. */
async function waitingServer(mostWaiting?: { reviews: number; bytes: number }) {
	const server = await startServer({}, { maxWaiting: mostWaiting });
	server.use(UNKNOWN);
	const waiting = new Map<string, () => void>();
	server.whenSeen(
		(namespace, signal) =>
			new Promise((resolve) => {
				const end = (): void => {
					waiting.delete(namespace);
					resolve();
				};
				waiting.set(namespace, end);
				signal.addEventListener('abort', end);
			}),
	);
	return { server, waiting };
}

test('beyond the limit the review that has waited longest is answered 503 at once; the others wait on', async () => {
	const { server, waiting } = await waitingServer({ reviews: 3, bytes: 1024 * 1024 });
	await using _ = server;
	const replies: Promise<Reply>[] = [];
	for (let i = 0; i < 5; i += 1) {
		const agent = keepAlive(server);
		replies.push(send(server, agent, { body: body(`n${i}`) }).finally(() => agent.destroy()));
		await until('it to wait', () => waiting.has(`n${i}`));
		expect(waiting.size).toBeLessThanOrEqual(3);
	}
	for (const reply of replies.slice(0, 2))
		expect(await reply).toMatchObject({
			status: 503,
			text: expect.stringContaining('too many reviews wait'),
		});
	server.use(KNOWN);
	for (const end of [...waiting.values()]) end();
	for (const reply of replies.slice(2)) {
		const { status, text } = await reply;
		expect([status, text]).toEqual([200, expect.stringContaining('"allowed":true')]);
	}
});

test('the bytes of waiting reviews are limited as well', async () => {
	const length = body('n0').length;
	const { server, waiting } = await waitingServer({ reviews: 100, bytes: 2 * length });
	await using _ = server;
	const agents = [0, 1, 2].map(() => keepAlive(server));
	const replies: Promise<Reply>[] = [];
	for (const [i, agent] of agents.entries()) {
		replies.push(send(server, agent, { body: body(`n${i}`) }));
		await until('it to wait', () => waiting.has(`n${i}`));
	}
	expect((await replies[0])?.status).toBe(503);
	expect([...waiting.keys()]).toEqual(['n1', 'n2']);
	for (const end of [...waiting.values()]) end();
	for (const reply of replies.slice(1)) expect((await reply).status).toBe(200);
	for (const agent of agents) agent.destroy();
});

test('a caller that leaves waits no longer', async () => {
	const { server, waiting } = await waitingServer();
	await using _ = server;
	const socket = keep(await open(server));
	const text = body('n0');
	socket.write(
		`POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
	);
	await until('it to wait', () => waiting.size === 1);
	socket.destroy();
	await until('it to wait no longer', () => waiting.size === 0);
});
