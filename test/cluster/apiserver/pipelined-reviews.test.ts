import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { call } from '../../support/http.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { grantShippedRights, webhookKubeconfig } from '../../support/kubernetes/webhook-account.ts';
import { samplesOf } from '../../support/metrics.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { podOf } from '../../webhook/support/pods.ts';
import { review } from '../../webhook/support/request.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CONNECTIONS = 20;
const REVIEWS = 3_000;

const body = (namespace: string): string => JSON.stringify(review(podOf(), { namespace }));
const request = (text: string): string =>
	`POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;

/** The memory limit that ships, in bytes. */
async function memoryLimit(): Promise<number> {
	const file = join(ROOT, 'deploy/manifests/base/deployment.yaml');
	const { limits } = parse(await readFile(file, 'utf8')).spec.template.spec.containers[0].resources;
	return Number(/^(\d+)Mi$/.exec(limits.memory)?.[1]) * 1024 * 1024;
}

/** The most memory that a process ever had, in bytes (VmHWM, proc(5)). */
async function peakMemory(pid: number): Promise<number> {
	return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

describeWithServers('reviews about unknown namespaces, from callers without credentials', () => {
	let cluster: ApiServer;
	let place: Scratch;
	let webhook: RunningWebhook;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		place = await scratch('pipelined');
		await grantShippedRights(cluster);
		const env = {
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_KUBECONFIG: await webhookKubeconfig(cluster, place.dir),
		};
		// Node's options are those of the image; the setting ENVTIER_ORG_LABEL has its default.
		webhook = await startWebhook(env);
		await until('it to be ready', async () => (await get('/readyz')).status === 200);
	});
	afterAll(async () => {
		await webhook?.stop();
		await cluster?.stop();
		await place?.remove();
	});

	const get = (path: string) => call({ url: `${webhook.url}${path}`, caPem: webhook.caPem });
	const ask = (namespace: string) =>
		call({
			url: `${webhook.url}/mutate`,
			caPem: webhook.caPem,
			method: 'POST',
			body: review(podOf(), { namespace }),
		});

	/** Opens connections that are read and never fail the test. */
	const open = (count: number): Promise<readonly TLSSocket[]> =>
		Promise.all(
			Array.from({ length: count }, async () => {
				const port = Number(new URL(webhook.url).port);
				const socket = connect({ host: '127.0.0.1', port, ca: webhook.caPem });
				socket.on('error', () => undefined);
				await once(socket, 'secureConnect');
				return socket.resume();
			}),
		);

	/** Writes reviews into a connection, without waiting for answers, until all are written or it is closed. */
	async function flood(socket: TLSSocket, name: string): Promise<void> {
		const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
		for (let i = 0; i < REVIEWS && socket.writable; i += 1) {
			if (socket.write(request(body(`${name}-${i}`)))) continue;
			await Promise.race([new Promise((resolve) => void socket.once('drain', resolve)), closed]);
		}
		socket.end();
		await closed;
	}

	test(`${CONNECTIONS} connections with ${REVIEWS} pipelined reviews each do not end it`, async () => {
		const sockets = await open(CONNECTIONS);
		await Promise.all(sockets.map((socket, i) => flood(socket, `unknown-${i}`)));
		const namespace = await cluster.createNamespace();
		expect((await ask(namespace)).json).toMatchObject({ response: { allowed: true } });
		expect(await peakMemory(webhook.process.pid)).toBeLessThan(await memoryLimit());
	});

	test('more reviews than may wait: some are answered 503, and a new namespace is served', async () => {
		const sockets = await open(600);
		for (const [i, socket] of sockets.entries()) socket.write(request(body(`another-${i}`)));
		const namespace = await cluster.createNamespace();
		const { status, json } = await ask(namespace);
		expect([status, json]).toMatchObject([200, { response: { allowed: true } }]);
		const failed = async (): Promise<number> =>
			samplesOf((await get('/metrics')).text).get('envtier_webhook_failed_calls_total{status="503"}') ?? 0;
		await until('the oldest to be answered 503', async () => (await failed()) >= 300);
		for (const socket of sockets) socket.destroy();
		expect(await peakMemory(webhook.process.pid)).toBeLessThan(await memoryLimit());
	});
});
