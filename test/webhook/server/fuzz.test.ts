import { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { faultOf, fuzzed } from '../support/fuzz.ts';
import { HOSTILE, LARGEST } from '../support/hostile.ts';
import { podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { type Message, type Reply, send } from '../support/wire.ts';

/** `bench/fuzz.ts` sends a hundred thousand. */
const CASES = 1600;
/** What the API server sends beside the object itself. */
const ENVELOPE = 2000;
/** Those that are injected, and so much. */
const LONG_ANSWERS = [
	'as many containers as are injected',
	'as many composed values, each of the one before',
	'as many parts of as many keys',
	'as many annotations about containers as are parsed',
];

describe('the webhook as a process, over TLS', () => {
	let webhook: RunningWebhook;
	let agent: Agent;
	beforeAll(async () => {
		webhook = await startWebhook({
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_NATIVE_ENV: 'true',
		});
		agent = new Agent({ keepAlive: true, maxSockets: 1, ca: webhook.caPem });
	});
	afterAll(async () => {
		agent?.destroy();
		await webhook?.stop();
	});

	const ask = (message: Message, by: Agent = agent): Promise<Reply> =>
		send({ port: Number(new URL(webhook.url).port), authority: { certPem: webhook.caPem } }, by, message);
	const post = (body: Buffer | string): Promise<Reply> => ask({ body });

	/** It decides as ever, and has had no defect. */
	async function isWell(): Promise<void> {
		const { status, text } = await post(JSON.stringify(review(podOf())));
		expect(status).toBe(200);
		expect(JSON.parse(text).response.allowed).toBe(true);
		const metrics = await ask({ method: 'GET', path: '/metrics', headers: {} });
		expect(metrics.text).toContain('envtier_webhook_failed_calls_total{status="500"} 0');
	}

	test('answers whatever it is sent with a decision or a 4xx', async () => {
		// On CI every run sends the same bodies, so that a failure belongs to the change. Elsewhere each run sends
		// others.
		const seed = process.env['CI'] === 'true' ? 1 : Date.now();
		process.stderr.write(`bodies of the seed ${seed}\n`);
		for (const { family, bodies } of fuzzed(CASES, seed))
			for (const [i, body] of bodies.entries())
				expect(faultOf(await post(body)), `${family}, body ${i} of the seed ${seed}`).toBeUndefined();
		await isWell();
	});

	test.for(Object.entries(HOSTILE))('answers 3 MiB of %s in few words', async ([what, make]) => {
		const body = make(LARGEST - ENVELOPE, 0);
		expect(Buffer.byteLength(body)).toBeLessThanOrEqual(LARGEST);
		const reply = await post(body);
		expect(faultOf(reply), reply.text).toBeUndefined();
		// A patch for thousands of containers or keys is long; what it may come to is bounded all the same.
		expect(reply.text.length).toBeLessThan(LONG_ANSWERS.includes(what) ? 2 ** 20 : 4096);
		await isWell();
	});

	test.for(Object.entries(HOSTILE))('six at once of 3 MiB of %s do not end it', async ([, make]) => {
		const body = make(LARGEST - ENVELOPE, 0);
		const clients = new Agent({ maxSockets: 6, ca: webhook.caPem });
		const replies = await Promise.all(Array.from({ length: 6 }, () => ask({ body }, clients)));
		clients.destroy();
		for (const reply of replies) expect(faultOf(reply), reply.text).toBeUndefined();
		await isWell();
	});
});
