/** Elevations are told to an address of the operator, with the managers of the deployment. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ElevationNotice, noticeSender } from '../../../api/reveal/notice.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { startWithReveal, type WithReveal } from '../support/reveal.ts';

/** An HTTPS server that keeps what it gets, and answers with the next of these statuses, then with 204. */
async function receiver(...statuses: readonly number[]) {
	const authority = await makeAuthority('Envtier test receiver CA');
	const leaf = await authority.issue();
	const got: unknown[] = [];
	const pending = [...statuses];
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		const chunks: Buffer[] = [];
		request.on('data', (chunk: Buffer) => chunks.push(chunk));
		request.on('end', () => {
			got.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
			response.statusCode = pending.shift() ?? 204;
			response.end();
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/notices`,
		caPem: authority.certPem,
		got,
		[Symbol.asyncDispose]: () =>
			new Promise<void>((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

let on: WithReveal;
let told: Awaited<ReturnType<typeof receiver>>;
beforeAll(async () => {
	told = await receiver();
	on = await startWithReveal({
		ENVTIER_API_ELEVATION_NOTICE_URL: told.url,
		ENVTIER_API_ELEVATION_NOTICE_CA: told.caPem,
		ENVTIER_API_ELEVATION_APPROVAL: 'true',
	});
});
afterAll(async () => {
	await on?.[Symbol.asyncDispose]();
	await told?.[Symbol.asyncDispose]();
});

test('an elevation is told when it is requested and when it starts, to the managers that the notice names', async () => {
	const [mona, ada] = [await on.session('mona'), await on.session('ada', { roles: ['org_admin'] })];
	const send = (who: { reveal: string }, method: string, path: string, body: object) =>
		on.reveal.send(method, path, { as: who.reveal, body });
	expect((await send(mona, 'POST', '/api/access', { name: 'shop', org: 'acme' })).status).toBe(201);
	const member = { member: 'user:dana', role: 'developer' };
	expect((await send(mona, 'POST', '/api/deployments/shop/members', member)).status).toBe(201);
	await send(mona, 'POST', '/api/deployments/shop/members', { member: 'group:leads', role: 'manager' });
	const asked = await send(ada, 'POST', '/api/elevations', { deployment: 'shop', reason: 'incident 42' });
	expect(asked.status, asked.text).toBe(201);
	const { id } = asked.json as { id: string };
	const common = {
		...{ id, subject: 'user:ada', reason: 'incident 42', target: 'deployments/shop', seconds: 900 },
		managers: ['user:mona', 'group:leads'],
	};
	await until('the first notice', () => told.got.length === 1);
	expect(told.got[0]).toMatchObject({ ...common, state: 'pending', approvedBy: '' });
	expect((await send(mona, 'PUT', '/api/elevations', { deployment: 'shop', id })).status).toBe(200);
	await until('the second notice', () => told.got.length === 2);
	expect(told.got[1]).toMatchObject({ ...common, state: 'active', approvedBy: 'user:mona' });
	const ofOrg = await send(ada, 'POST', '/api/elevations', { org: 'acme', reason: 'incident 43' });
	expect(ofOrg.status).toBe(201);
	await until('the third notice', () => told.got.length === 3);
	expect(told.got[2]).toMatchObject({ target: 'orgs/acme', managers: [], reason: 'incident 43' });
	// Who gets no elevation is nobody's news.
	await send(await on.session('eve'), 'POST', '/api/elevations', { deployment: 'shop', reason: 'r' });
	expect(told.got).toHaveLength(3);
});

const NOTICE: ElevationNotice = {
	...{ id: 'e1', subject: 'user:ada', reason: 'r', approvedBy: '', state: 'active', target: 'orgs/acme' },
	...{ managers: [], requestedAt: '2026-01-01T00:00:00Z', seconds: 900 },
};

test('a receiver that fails gets the notice again; after four attempts the log has an error, without the reason', async () => {
	const lines: string[] = [];
	const log = pino({}, { write: (line: string) => void lines.push(line) });
	await using recovering = await receiver(500, 503);
	const target = { url: recovering.url, ca: recovering.caPem };
	await noticeSender(target, log, [1, 1, 1])(NOTICE);
	expect([recovering.got.length, lines]).toEqual([3, []]);
	await using failing = await receiver(500, 500, 500, 500, 500);
	await noticeSender({ url: failing.url, ca: failing.caPem }, log, [1, 1, 1])(NOTICE);
	expect(failing.got).toHaveLength(4);
	expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
		expect.objectContaining({ elevation: 'e1', problem: 'HTTP 500', level: 50 }),
	]);
	// Another CA: nothing is sent.
	await using other = await receiver();
	await noticeSender({ url: other.url, ca: failing.caPem }, log, [])(NOTICE);
	expect([other.got, lines.length]).toEqual([[], 2]);
});
