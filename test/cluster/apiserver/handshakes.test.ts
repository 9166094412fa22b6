import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Pod } from '@kubernetes/client-node';
import { lexer } from 'marked';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { createPod, injectedInto, podOf } from '../../support/kubernetes/pods.ts';
import { registerWebhook } from '../../support/kubernetes/webhook-configuration.ts';
import { describeWithServers } from '../../support/servers.ts';
import { makeAuthority } from '../../support/tls.ts';
import { until } from '../../support/until.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';

const README = join(import.meta.dirname, '../../../README.md');

// An API server of its own: elsewhere the webhook configuration must be right.
describeWithServers('a webhook and the API server that calls it', () => {
	let cluster: ApiServer;
	let webhook: RunningWebhook;
	beforeAll(async () => {
		const started = await startApiServer();
		if (!started.ok) throw new Error(started.error);
		cluster = started.value;
		webhook = await startWebhook({ ENVTIER_VAULT_ADDR: 'https://vault.example:8200' });
	});
	afterAll(async () => {
		await webhook?.stop();
		await cluster?.stop();
	});

	const rejected = (by = webhook) =>
		by.process
			.stdout()
			.split('\n')
			.filter((line) => line.includes('TLS handshake failed: the caller rejects the certificate'));

	test('a caBundle of another CA: the log says so once, with the likely cause and what to do', async () => {
		const other = await makeAuthority('Another CA');
		const unregister = await registerWebhook(cluster, { url: webhook.url, caPem: other.certPem });
		try {
			const namespace = await cluster.createNamespace();
			for (let i = 0; i < 5; i += 1) {
				const { body } = await createPod(
					cluster,
					namespace,
					podOf({ envtier: { deployment: 'shop' } }),
					'dryRun=All',
				);
				expect(body.message).toContain('x509');
			}
			await until('the line', () => rejected().length > 0);
			expect(rejected()).toHaveLength(1);
			expect(JSON.parse(rejected()[0] ?? '')).toMatchObject({
				level: 40,
				likelyCause: expect.stringContaining(
					'the caBundle of the webhook configuration does not hold the CA',
				),
				whatToDo: expect.stringContaining('node deploy/certs/main.ts'),
			});
		} finally {
			await unregister();
		}
	});

	test('a certificate that has expired: the log names the command that renews it', async () => {
		await using dir = await mkdtempDisposable(join(tmpdir(), 'envtier-expired-'));
		const authority = await makeAuthority('Envtier test webhook CA');
		// Valid while the webhook starts: it does not start with one that has expired.
		const notAfter = new Date(Date.now() + 15_000);
		const leaf = await authority.issue({ names: ['127.0.0.1'], notAfter });
		const [certificate, key] = [join(dir.path, 'tls.crt'), join(dir.path, 'tls.key')];
		await writeFile(certificate, leaf.certPem);
		await writeFile(key, leaf.keyPem, { mode: 0o600 });
		const expiring = await startWebhook({
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			ENVTIER_TLS_CERT_FILE: certificate,
			ENVTIER_TLS_KEY_FILE: key,
		});
		// Registered only then: the API server keeps a connection that it made before.
		await until('its end', () => Date.now() > notAfter.getTime() + 1_000, { everyMs: 200 });
		const unregister = await registerWebhook(cluster, { url: expiring.url, caPem: authority.certPem });
		try {
			const namespace = await cluster.createNamespace();
			const pod = podOf({ envtier: { deployment: 'shop' } });
			await until('the line', async () => {
				// Whoever creates the pod learns nothing of the cure.
				const { body } = await createPod(cluster, namespace, pod, 'dryRun=All');
				expect(body.message).toContain('x509: certificate has expired');
				return rejected(expiring).length > 0;
			});
			expect(JSON.parse(rejected(expiring)[0] ?? '')).toMatchObject({
				level: 40,
				likelyCause: 'the certificate is not valid now',
				whatToDo: expect.stringContaining('renew it with "node deploy/certs/main.ts"'),
			});
		} finally {
			await unregister();
			await expiring.stop();
		}
	});

	test('the pod of the README is injected where Pod Security enforces "restricted", without a warning', async () => {
		const unregister = await registerWebhook(cluster, webhook);
		try {
			const blocks = lexer(await readFile(README, 'utf8')).filter(
				(token) => token.type === 'code' && token.lang === 'yaml',
			);
			const pod = parse(blocks[0]?.type === 'code' ? blocks[0].text : '') as V1Pod;
			expect(pod.kind).toBe('Pod');
			const namespace = await cluster.createNamespace({
				labels: {
					'pod-security.kubernetes.io/enforce': 'restricted',
					'pod-security.kubernetes.io/warn': 'restricted',
				},
			});
			await cluster.createServiceAccount(namespace, 'web');
			const { namespace: _, ...metadata } = pod.metadata ?? {};
			const answer = await createPod(cluster, namespace, { ...pod, metadata }, 'dryRun=All');
			expect([answer.status, answer.warnings, injectedInto(answer.body)]).toEqual([
				201,
				[],
				['envtier-fetch'],
			]);
		} finally {
			await unregister();
		}
	});
});
