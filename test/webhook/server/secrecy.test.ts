import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goldenCases } from '../../golden/cases.ts';
import { type RunningProcess, startProcess } from '../../support/process.ts';
import { makeAuthority } from '../../support/tls.ts';
import { type KubeletVolume, kubeletVolume } from '../support/kubelet-volume.ts';
import { ASKS, podOf } from '../support/pods.ts';
import { review } from '../support/request.ts';
import { keepAlive, type Message, send, type Target } from '../support/wire.ts';

const MAIN = join(import.meta.dirname, '../../../webhook/main.ts');
/** Part of every planted value: letters of both cases, so that no name and no pattern of ours can hold it. */
const CANARY = 'CaNaRy-s3cr3t';

let files: KubeletVolume;
let running: RunningProcess;
let target: Target;
beforeAll(async () => {
	const authority = await makeAuthority();
	const pair = await authority.issue();
	files = await kubeletVolume(pair);
	running = await startProcess({
		name: 'webhook',
		command: process.execPath,
		args: [MAIN],
		env: {
			ENVTIER_LISTEN: '127.0.0.1:0',
			ENVTIER_TLS_CERT_FILE: files.certificateFile,
			ENVTIER_TLS_KEY_FILE: files.keyFile,
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:test',
			ENVTIER_VAULT_ADDR: 'https://vault.example.com:8200',
			ENVTIER_LOG_LEVEL: 'trace',
			// Another secret in the environment of the process must not appear either.
			SOME_TOKEN: CANARY,
		},
	});
	const serving = () =>
		running
			.stdout()
			.split('\n')
			.find((line) => line.includes('"msg":"serving"'));
	await running.waitUntil('it serves', serving);
	target = { port: JSON.parse(serving() ?? '{}').port, authority };
});
afterAll(async () => {
	await running.stop();
	await files[Symbol.asyncDispose]();
});

/** Sends a message; gives all that came back, the patch decoded. */
async function answer(message: Message): Promise<string> {
	const agent = keepAlive(target);
	const { text, headers } = await send(target, agent, message);
	agent.destroy();
	const patch = /"patch":"([^"]*)"/.exec(text)?.[1] ?? '';
	return `${JSON.stringify(headers)}\n${text}\n${Buffer.from(patch, 'base64')}`;
}

async function expectSilence(message: Message): Promise<void> {
	expect(await answer(message)).not.toContain(CANARY);
	expect(running.output()).not.toContain(CANARY);
}

/** Members of a pod in which people keep secrets, or might. */
const SECRETIVE = new Set([
	'value',
	'command',
	'args',
	'path',
	'httpHeaders',
	'subPath',
	'volumeAttributes',
	'message',
]);

/** The pod with a canary in every annotation of others, and in every text of a secretive member. */
function planted(value: unknown, inside = false): unknown {
	if (typeof value === 'string') return inside ? `${value} ${CANARY}` : value;
	if (Array.isArray(value)) return value.map((item) => planted(item, inside));
	if (typeof value !== 'object' || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([member, item]) => {
			const foreign = inside ? false : member.includes('/') && !member.startsWith('envtier.dev/');
			const ours =
				/^envtier-/.test(String((value as { name?: unknown }).name)) ||
				String((value as { name?: unknown }).name).startsWith('ENVTIER_');
			return [member, planted(item, inside || foreign || (SECRETIVE.has(member) && !ours))];
		}),
	);
}

describe('no answer and no log line holds', () => {
	test.for(goldenCases().map((golden) => [golden.sentence, golden] as const))(
		'what only the pod holds: %s',
		async ([, { pod, request }]) => {
			const secret = planted(pod) as { spec: { containers: { env?: object[] }[] } };
			for (const container of secret.spec.containers)
				container.env = [...(container.env ?? []), { name: 'DB_PASSWORD', value: CANARY }];
			await expectSilence({ body: JSON.stringify(review(secret, request)) });
		},
	);

	const asks = (annotation: string, value: string): string =>
		JSON.stringify(review(podOf({ ...ASKS, [annotation]: value })));
	test.for<readonly [string, Message]>([
		['a refused value', { body: asks('deployment', CANARY) }],
		['a refused role', { body: asks('role', `hvs.${CANARY}+/=`) }],
		['a refused list', { body: asks('require', `A, ${CANARY}=x`) }],
		['a refused path', { body: asks('path', `/a:${CANARY}`) }],
		['a value of an unknown annotation', { body: asks('vault-token', CANARY) }],
		['a forged status', { body: asks('status', JSON.stringify({ fetchers: [CANARY], token: CANARY })) }],
		['a body that is no JSON', { body: `{"token": "${CANARY}"` }],
		['a body that is another object', { body: JSON.stringify({ kind: 'Secret', data: { token: CANARY } }) }],
		['a body that is too large', { body: CANARY.repeat(700_000) }],
		['a body of another type', { body: CANARY, headers: { 'content-type': 'text/plain' } }],
		[
			'a pod that is malformed',
			{
				body: JSON.stringify(
					review({ metadata: { annotations: { 'envtier.dev/deployment': 'x' } }, spec: CANARY }),
				),
			},
		],
		[
			'who asks, and with which token',
			{
				body: asks('service', 'web'),
				headers: { 'content-type': 'application/json', authorization: `Bearer ${CANARY}`, cookie: CANARY },
			},
		],
		['a query', { method: 'GET', path: `/healthz?token=${CANARY}`, headers: {} }],
		['a path', { method: 'GET', path: `/v1/secret/${CANARY}`, headers: {} }],
		['a path that cannot be decoded', { method: 'GET', path: `/%zz${CANARY}`, headers: {} }],
		['a method’s path', { method: 'PUT', path: `/mutate?${CANARY}`, body: CANARY }],
	])('%s', ([, message]) => expectSilence(message));

	test('a value in the name of the user who creates the pod', async () => {
		const body = review(podOf()) as { request: { userInfo: object; oldObject: unknown; options: object } };
		body.request.userInfo = { username: CANARY, extra: { token: [CANARY] } };
		body.request.oldObject = { data: CANARY };
		body.request.options = { fieldManager: CANARY };
		await expectSilence({ body: JSON.stringify(body) });
	});
});

test('the searched log contains every decision', async () => {
	await answer({ body: JSON.stringify(review(podOf())) });
	await answer({ body: JSON.stringify(review(podOf({ typo: CANARY }))) });
	await answer({ body: JSON.stringify(review({ data: CANARY })) });
	await answer({ body: CANARY });
	for (const message of ['injected', 'refused', 'skipped', 'call refused'])
		expect(running.stdout()).toContain(`"msg":"${message}"`);
	expect(running.output()).not.toContain(CANARY);
	expect(running.output()).not.toContain('PRIVATE KEY');
});
