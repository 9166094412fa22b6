import { expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { keepAlive, open, send } from '../support/wire.ts';

const GOOD = JSON.stringify(review(podOf()));

/** The serial number of the certificate that a new connection is shown. */
async function shown(server: TestServer): Promise<string> {
	const socket = await open(server);
	const { serialNumber } = socket.getPeerCertificate();
	socket.destroy();
	return serialNumber;
}

test('a new pair is shown to new connections, while one that is open goes on as if nothing had happened', async () => {
	await using server = await startServer();
	const agent = keepAlive(server);
	await send(server, agent, { body: GOOD });
	const old = await shown(server);
	await server.files.swap(await server.authority.issue());
	await until('the new certificate', async () => (await shown(server)) !== old);
	const reply = await send(server, agent, { body: GOOD });
	expect(reply).toMatchObject({ status: 200, reused: true });
	agent.destroy();
});

test('calls that go on all the while are all answered, however often the pair changes', async () => {
	await using server = await startServer();
	const pairs = await Promise.all(Array.from({ length: 6 }, () => server.authority.issue()));
	let changing = true;
	const calls = async (): Promise<number> => {
		let answered = 0;
		while (changing) {
			const agent = keepAlive(server);
			expect((await send(server, agent, { body: GOOD })).status).toBe(200);
			answered += 1;
			agent.destroy();
		}
		return answered;
	};
	const callers = [calls(), calls()];
	for (const pair of pairs) {
		const old = await shown(server);
		await server.files.swap(pair);
		await until('the new certificate', async () => (await shown(server)) !== old);
	}
	changing = false;
	expect(Math.min(...(await Promise.all(callers)))).toBeGreaterThan(0);
});

test('a bad pair leaves the old one serving, and the log says why', async () => {
	await using server = await startServer();
	const old = await shown(server);
	const strange = await server.authority.issue();
	await server.files.swap({ ...(await server.authority.issue()), keyPem: strange.keyPem });
	await until('the refusal', () => server.logs.text().includes('does not belong'));
	expect(await shown(server)).toBe(old);
	await server.files.swap(await server.authority.issue({ expired: true }));
	await until('the refusal', () => server.logs.text().includes('has passed'));
	expect(await shown(server)).toBe(old);
	await server.files.swap(await server.authority.issue());
	await until('the new certificate', async () => (await shown(server)) !== old);
});
