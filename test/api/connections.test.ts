import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { socketKeeper } from '../webhook/support/wire.ts';
import { caller, startApi } from './support/api.ts';

const { sockets, keep, close } = socketKeeper();
afterEach(close);

const closed = (): number => sockets.filter((socket) => socket.closed).length;
const portOf = (url: string): number => Number(new URL(url).port);

async function open(port: number): Promise<ReturnType<typeof connect>> {
	const socket = keep(connect({ host: '127.0.0.1', port }));
	await once(socket, 'connect');
	return socket;
}

test('1,100 silent connections: 1,000 stay, and callers are answered', async () => {
	const alice = caller('user:alice');
	await using api = await startApi({ callers: [alice] });
	for (let i = 0; i < 1_100; i += 50)
		await Promise.all(Array.from({ length: 50 }, () => open(portOf(api.url))));
	expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
	await until('the oldest connections to be closed', () => closed() >= 101);
});

test('bodies that never end: beyond 32 MiB the oldest is cut, and callers are answered', async () => {
	const alice = caller('user:alice');
	const MIB = 1024 * 1024;
	await using api = await startApi({
		callers: [alice],
		env: { ENVTIER_API_BODY_LIMIT: String(4 * MIB) },
	});
	const head = `POST /api/secrets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${alice.key}\r\ncontent-type: application/json\r\ncontent-length: ${4 * MIB}\r\n\r\n`;
	for (let i = 0; i < 12; i += 1) (await open(portOf(api.url))).write(head + ' '.repeat(3.5 * MIB));
	await until('the oldest to be cut', () => closed() >= 3);
	const body = { key: 'A', value: 'b' };
	expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
	expect(api.output()).not.toContain('a defect');
});
