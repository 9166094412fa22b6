import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blocksOf, pageOf } from '../../docs/support/pages.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { clientCertificate } from '../../support/kubernetes/identity.ts';
import { createPod, injectedInto, podOf } from '../../support/kubernetes/pods.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { runProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { describeWithServers } from '../../support/servers.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';

const SHIPPED = join(import.meta.dirname, '../../../deploy/client-auth');
const ASKS = { deployment: 'shop', service: 'web' };
const ENV = { ENVTIER_VAULT_ADDR: 'https://vault.example:8200', ENVTIER_CLIENT_NAMES: 'kube-apiserver' };

const REPETITIONS = 50;

/** Runs the commands of docs/security.md in `dir`, which make a CA and a certificate of it. */
async function makeAsDocumented(dir: string): Promise<void> {
	const block = blocksOf(pageOf('docs/security.md').text).find(({ text }) => text.includes('openssl'));
	const { code, stderr } = await runProcess({
		command: 'sh',
		args: ['-ec', block?.text ?? 'exit 1'],
		cwd: dir,
	});
	if (code !== 0) throw new Error(stderr);
}

/**
 * Writes the shipped files into `dir`, with its path and the webhook's address. Returns the path of the
 * first.
 */
async function writeShippedFiles(dir: string, { url }: RunningWebhook): Promise<string> {
	for (const file of ['admission.yaml', 'kubeconfig.yaml']) {
		const text = await readFile(join(SHIPPED, file), 'utf8');
		const here = text
			.replaceAll('/etc/kubernetes/envtier', dir)
			.replaceAll('envtier-webhook.envtier-system.svc', new URL(url).host);
		await writeFile(join(dir, file), here);
	}
	return join(dir, 'admission.yaml');
}

// API servers of their own: the flag is read when they start.
describeWithServers('a webhook that wants to know who calls', () => {
	let home: Scratch;
	let webhook: RunningWebhook;
	const clusters: ApiServer[] = [];
	beforeAll(async () => {
		home = await scratch('client-auth');
		await makeAsDocumented(home.dir);
		const ca = await readFile(join(home.dir, 'client-ca.crt'), 'utf8');
		webhook = await startWebhook({ ...ENV, ENVTIER_CLIENT_CA: ca });
	});
	afterAll(async () => {
		for (const cluster of clusters) await cluster.stop();
		await webhook?.stop();
		await home?.remove();
	});

	/** An API server with these arguments of its own, which knows the webhook, and a namespace in it. */
	async function apiServer(args: readonly string[]): Promise<{ cluster: ApiServer; namespace: string }> {
		const started = await startApiServer(args);
		if (!started.ok) throw new Error(started.error);
		clusters.push(started.value);
		await registerWebhook(started.value, webhook);
		return { cluster: started.value, namespace: await started.value.createNamespace() };
	}

	/** The argument that has an API server show what is in the folder. */
	const shows = async () => [`--admission-control-config-file=${await writeShippedFiles(home.dir, webhook)}`];

	test('answers the API server that shows a certificate, as docs/security.md has it', async () => {
		const { cluster, namespace } = await apiServer(await shows());
		const { status, body } = await createPod(cluster, namespace, podOf({ envtier: ASKS }));
		expect(status, JSON.stringify(body)).toBe(201);
		expect(injectedInto(body)).toEqual(['envtier-fetch']);
	});

	/** Overwrites the certificate with one of the same CA and another name. */
	async function another(): Promise<string[]> {
		const file = (name: string) => readFile(join(home.dir, name), 'utf8');
		const ca = { certPem: await file('client-ca.crt'), keyPem: await file('client-ca.key') };
		const { certPem, keyPem } = await clientCertificate(ca, 'system:kube-scheduler');
		await writeFile(join(home.dir, 'client.crt'), certPem);
		await writeFile(join(home.dir, 'client.key'), keyPem);
		return shows();
	}

	test.each([
		['shows none', () => [], /the server has asked for the client to provide credentials/],
		['has another name', another, /common name of the client certificate is not in ENVTIER_CLIENT_NAMES/],
	])('does not answer one that %s: a pod that asks is refused, others start', async (_, args, says) => {
		const { cluster, namespace } = await apiServer(await args());
		// Many: where the webhook closes the connection too early, only some see a broken pipe.
		const messages = new Set<string | undefined>();
		for (let number = 0; number < REPETITIONS; number += 1) {
			const asking = await createPod(cluster, namespace, podOf({ envtier: ASKS }), 'dryRun=All');
			expect(asking.status).toBe(500);
			messages.add(asking.body.message);
		}
		expect([...messages]).toEqual([expect.stringMatching(/failed calling webhook "inject\.envtier\.dev"/)]);
		expect([...messages][0]).toMatch(says);
		const plain = await createPod(cluster, namespace, podOf({ name: 'plain' }));
		expect(plain.status).toBe(201);
	});
});
