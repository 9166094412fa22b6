import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admit } from '../../../webhook/admission/admit.ts';
import { type GoldenCase, goldenCases } from '../../golden/cases.ts';
import { ASKS, podOf } from '../support/pods.ts';
import { patched, request, review } from '../support/request.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { settings } from '../support/settings.ts';
import { keepAlive, type Reply, send } from '../support/wire.ts';

const UID = 'f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f';

let server: TestServer;
let ask: (body: string) => Promise<Reply>;
beforeAll(async () => {
	server = await startServer();
	const agent = keepAlive(server);
	ask = (body) => send(server, agent, { body });
});
afterAll(() => server[Symbol.asyncDispose]());

describe('the response over TLS equals the decision in memory', () => {
	const answer = async (golden: GoldenCase) => {
		server.use(settings(golden.settings).injection);
		const reply = await ask(JSON.stringify(review(golden.pod, { ...golden.request, uid: UID })));
		expect(reply.status).toBe(200);
		expect(reply.headers['content-type']).toMatch(/^application\/json/);
		const { apiVersion, kind, response } = JSON.parse(reply.text);
		expect([apiVersion, kind, response.uid]).toEqual(['admission.k8s.io/v1', 'AdmissionReview', UID]);
		return response;
	};

	test.for(goldenCases().map((golden) => [golden.sentence, golden] as const))('%s', async ([, golden]) => {
		const decision = admit(request(golden.pod, golden.request), settings(golden.settings).injection);
		const response = await answer(golden);
		expect(response.allowed).toBe(decision.kind !== 'reject');
		expect(response.auditAnnotations.decision).toBe(decision.kind);
		switch (decision.kind) {
			case 'inject': {
				expect(response.patchType).toBe('JSONPatch');
				const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'));
				expect(patched(golden.pod, patch)).toEqual(
					patched(golden.pod, JSON.parse(JSON.stringify(decision.patch))),
				);
				expect(response.warnings ?? []).toEqual(decision.warnings);
				break;
			}
			case 'reject':
				expect(response.status).toEqual({ code: 403, reason: 'Forbidden', message: decision.message });
				expect(response.auditAnnotations.reason).toBe(decision.reason);
				break;
			default:
				expect(response.auditAnnotations.reason).toBe(decision.reason);
				expect(response).not.toHaveProperty('patch');
		}
	});
});

test('one connection serves call after call', async () => {
	const body = JSON.stringify(review(podOf()));
	await ask(body);
	for (let i = 0; i < 20; i += 1) expect((await ask(body)).reused).toBe(true);
});

test('many calls at once are all answered, each with its own uid', async () => {
	const calls = Array.from({ length: 60 }, async (_, i) => {
		const agent = keepAlive(server);
		const reply = await send(server, agent, { body: JSON.stringify(review(podOf(), { uid: `call-${i}` })) });
		agent.destroy();
		return JSON.parse(reply.text).response.uid;
	});
	expect(await Promise.all(calls)).toEqual(calls.map((_, i) => `call-${i}`));
});

test('a pod of 3 MiB, the most that the API server takes, is injected', async () => {
	const pod = podOf();
	pod.metadata = {
		...pod.metadata,
		annotations: { ...pod.metadata?.annotations, big: 'ü'.repeat(1.5 * 1024 * 1024) },
	};
	const reply = await ask(JSON.stringify(review(pod)));
	expect(JSON.parse(reply.text).response.allowed).toBe(true);
});

test('each decision is logged with the pod and the request', async () => {
	await ask(JSON.stringify(review(podOf(ASKS), { uid: 'logged-1', dryRun: true })));
	await ask(JSON.stringify(review(podOf({ typo: 'x' }), { uid: 'logged-2' })));
	await ask(JSON.stringify(review(podOf({ inject: 'false' }), { uid: 'logged-3' })));
	const line = (message: string, uid: string) =>
		server.logs.with(message).find((each) => each['uid'] === uid);
	expect(line('injected', 'logged-1')).toMatchObject({
		namespace: 'shop',
		pod: 'web',
		dryRun: true,
		role: 'shop_default',
	});
	expect(line('refused', 'logged-2')).toMatchObject({ pod: 'web', reason: 'unknown-annotation' });
	expect(line('skipped', 'logged-3')).toMatchObject({ pod: 'web', reason: 'opted-out' });
});
