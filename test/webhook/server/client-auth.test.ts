import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientCertificate } from '../../support/kubernetes/identity.ts';
import { type Authority, type KeyPair, makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type Message, type Reply, readAll, send } from '../support/wire.ts';

const GOOD = JSON.stringify(review(podOf()));

let authority: Authority;
let server: TestServer;
beforeAll(async () => {
	authority = await makeAuthority('Envtier test client CA');
	server = await startServer(
		{},
		{ callers: { ca: authority.certPem, names: ['kube-apiserver', 'standby'] } },
	);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Sends one message, showing a certificate or none. */
async function as(shown: KeyPair | undefined, message: Message, to = server): Promise<Reply> {
	const certificate = shown === undefined ? {} : { cert: shown.certPem, key: shown.keyPem };
	const agent = new Agent({ ca: to.authority.certPem, ...certificate });
	try {
		return await send(to, agent, message);
	} finally {
		agent.destroy();
	}
}

describe('where callers have to show a certificate', () => {
	test.for(['kube-apiserver', 'standby'])('one of the CA with the name %s is answered', async (name) => {
		const reply = await as(await clientCertificate(authority, name), { body: GOOD });
		expect(reply.status).toBe(200);
		expect(JSON.parse(reply.text).response.allowed).toBe(true);
	});

	test.for<
		readonly [sentence: string, status: number, says: string, shown: () => Promise<KeyPair | undefined>]
	>([
		['none', 401, 'needs a client certificate', () => Promise.resolve(undefined)],
		[
			'one of the CA with another name',
			403,
			'ENVTIER_CLIENT_NAMES',
			() => clientCertificate(authority, 'system:node:worker-1', ['system:nodes']),
		],
		[
			'one with the right name as its organization',
			403,
			'ENVTIER_CLIENT_NAMES',
			() => clientCertificate(authority, 'jane', ['kube-apiserver']),
		],
		[
			'one of another CA of the same name',
			403,
			'ENVTIER_CLIENT_CA',
			async () => clientCertificate(await makeAuthority('Envtier test client CA'), 'kube-apiserver'),
		],
		[
			'one of the CA that is for servers',
			403,
			'ENVTIER_CLIENT_CA',
			() => authority.issue({ names: ['kube-apiserver'] }),
		],
		[
			'one of the CA that has expired',
			403,
			'ENVTIER_CLIENT_CA',
			() => authority.issue({ names: ['kube-apiserver'], expired: true }),
		],
		[
			'the webhook’s own',
			403,
			'ENVTIER_CLIENT_CA',
			() => server.authority.issue({ names: ['kube-apiserver'] }),
		],
	])('%s is refused with what is missing', async ([, status, says, shown]) => {
		const reply = await as(await shown(), { body: GOOD });
		expect(reply).toMatchObject({ status, text: expect.stringContaining(says) });
		expect(reply.text).not.toContain('allowed');
		expect(reply.headers['connection']).toBe('close');
	});

	test.for(['/healthz', '/readyz', '/metrics'])(
		'%s answers the kubelet and Prometheus, who have none',
		async (path) => {
			expect((await as(undefined, { method: 'GET', path })).status).toBe(200);
		},
	);

	test('refused clients are counted', async () => {
		await as(undefined, { body: GOOD });
		const { text } = await as(undefined, { method: 'GET', path: '/metrics' });
		expect(text).toMatch(/^envtier_webhook_failed_calls_total\{status="401"\} [1-9]/m);
	});

	test('an unauthenticated client is answered before its body has come', async () => {
		const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.authority.certPem });
		await once(socket, 'secureConnect');
		const answer = readAll(socket);
		socket.write(
			'POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 7000000\r\n\r\n{',
		);
		expect(await answer).toMatch(/^HTTP\/1\.1 401 /);
	});

	test('a client that sends its body after the answer has come sees no broken connection, 20 of 20', async () => {
		// Go writes headers and body one after the other, and reports a failed write in place of the answer.
		const body = Buffer.alloc(4 * 1024 * 1024, ' ');
		const head = `POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
		const failures: unknown[] = [];
		for (let number = 0; number < 20; number += 1) {
			const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.authority.certPem });
			socket.on('error', (error) => failures.push(error));
			await once(socket, 'secureConnect');
			const answer = readAll(socket);
			socket.write(head);
			await once(socket, 'data');
			const written = new Promise((resolve) => void socket.write(body, resolve));
			const failure = await Promise.race([written, once(socket, 'close').then(() => 'closed')]);
			if (failure) failures.push(failure);
			expect(await answer).toMatch(/^HTTP\/1\.1 401 /);
		}
		expect(failures).toEqual([]);
	}, 60_000);

	test('the check stays in force after the webhook’s certificate changes', async () => {
		await server.files.swap(await server.authority.issue());
		await until('the new pair', () => server.logs.with('certificate changed').length > 0);
		expect((await as(undefined, { body: GOOD })).status).toBe(401);
		expect((await as(await clientCertificate(authority, 'standby'), { body: GOOD })).status).toBe(200);
	});
});

describe('a TLS session that is resumed', () => {
	/** Connects, keeps the session ticket, connects again with it and calls. */
	async function resumed(shown: KeyPair | undefined): Promise<{ reused: boolean; answer: string }> {
		const certificate = shown === undefined ? {} : { cert: shown.certPem, key: shown.keyPem };
		const options = { host: '127.0.0.1', port: server.port, ca: server.authority.certPem, ...certificate };
		const first = connect(options);
		const [session] = (await once(first, 'session')) as [Buffer];
		first.destroy();
		const second: TLSSocket = connect({ ...options, session });
		await once(second, 'secureConnect');
		const reused = second.isSessionReused();
		const read = readAll(second);
		second.write(
			`POST /mutate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${GOOD.length}\r\n\r\n${GOOD}`,
		);
		return { reused, answer: await read };
	}

	test.for<readonly [string, number, () => Promise<KeyPair | undefined>]>([
		['began without a certificate', 401, () => Promise.resolve(undefined)],
		[
			'began with one of another CA',
			403,
			async () => clientCertificate(await makeAuthority('Envtier test client CA'), 'kube-apiserver'),
		],
		['began with a good one', 200, () => clientCertificate(authority, 'kube-apiserver')],
	])('%s: %i', async ([, status, shown]) => {
		const { reused, answer } = await resumed(await shown());
		expect(reused).toBe(true);
		expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
	});
});

test('without names every certificate of the CA is accepted', async () => {
	await using open = await startServer({}, { callers: { ca: authority.certPem, names: undefined } });
	expect((await as(await clientCertificate(authority, 'anyone'), { body: GOOD }, open)).status).toBe(200);
	expect((await as(undefined, { body: GOOD }, open)).status).toBe(401);
});
