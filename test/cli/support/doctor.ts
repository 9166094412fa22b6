import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { V1MutatingWebhook, V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import type { Check } from '../../../cli/doctor/check.ts';
import { type ApiServer, startApiServer } from '../../support/kubernetes/apiserver.ts';
import { expectStatus } from '../../support/kubernetes/cluster.ts';
import {
	applyEphemeralContainersPolicy,
	applyInjectionPolicy,
} from '../../support/kubernetes/require-injection.ts';
import { trustCluster } from '../../support/kubernetes/vault-auth.ts';
import { shippedWebhookConfiguration } from '../../support/kubernetes/webhook-configuration.ts';
import { type OpenBao, startOpenBao } from '../../support/openbao.ts';
import { putSecret, writePolicy, writeRole } from '../../support/openbao-setup.ts';
import type { KeyPair } from '../../support/tls.ts';
import { type RunningWebhook, startWebhook } from '../../support/webhook.ts';
import { envtier } from './command.ts';

/** No output of the doctor may hold it: the value of every secret here. */
const CANARY = 'canary-7f3b-value-of-a-secret';

const COLLECTION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** A cluster with Envtier, and the Vault of its pods, which a test may break as it likes. */
export interface Fixture {
	readonly cluster: ApiServer;
	readonly bao: OpenBao;
	readonly webhook: RunningWebhook;
	/**
	 * Namespace of a service account `web` that may read its tiers: deployment `shop`, service `web`, org
	 * `acme`.
	 */
	readonly namespace: string;
	/** Replaces the webhook configuration by the shipped one, after `change`; 'none' removes it. */
	register(change?: ((webhook: V1MutatingWebhook) => void) | 'none'): Promise<void>;
	stop(): Promise<void>;
}

/** The policy lines that the tiers need. */
export function tierPolicy(tiers: readonly string[]): string {
	return tiers
		.flatMap((folder) => [
			`path "secret/metadata/${folder}/" { capabilities = ["list"] }`,
			`path "secret/data/${folder}/+" { capabilities = ["read"] }`,
		])
		.join('\n');
}

export const TIER_FOLDERS = [
	'orgs/acme/secrets',
	'deployments/shop/secrets',
	'deployments/shop/services/web/secrets',
];

/** A cluster, a Vault and a webhook for one test file. */
export async function startFixture(): Promise<Fixture> {
	const started = await startApiServer();
	if (!started.ok) throw new Error(started.error);
	const cluster = started.value;
	await applyEphemeralContainersPolicy(cluster);
	await applyInjectionPolicy(cluster);
	const bao = await startOpenBao();
	await trustCluster(bao, cluster);
	const webhook = await startWebhook({
		ENVTIER_VAULT_ADDR: bao.addr,
		ENVTIER_VAULT_CA: bao.caPem,
		ENVTIER_DEFAULT_ROLE: '{serviceAccount}',
	});
	const namespace = await cluster.createNamespace({ prefix: 'shop-' });
	await cluster.createServiceAccount(namespace, 'web');
	await setUpVault(bao, namespace);
	return {
		cluster,
		bao,
		webhook,
		namespace,
		register: (change) => register(cluster, webhook, change),
		stop: async () => {
			await webhook.stop();
			await bao.stop();
			await cluster.stop();
		},
	};
}

/** The role `web` and its policy, as they should be, and a secret in each tier. */
export async function setUpVault(bao: OpenBao, namespace: string): Promise<void> {
	await writePolicy(bao, 'shop-web', tierPolicy(TIER_FOLDERS));
	// Writing a role changes only what is named: nothing of an earlier one may stay.
	await bao.request('DELETE', 'auth/kubernetes/role/web');
	await writeRole(bao, 'kubernetes', 'web', {
		bound_service_account_names: ['web'],
		bound_service_account_namespaces: [namespace],
		audience: 'vault',
		token_policies: ['shop-web'],
	});
	for (const folder of TIER_FOLDERS) await putSecret(bao, `${folder}/DATABASE_URL`, CANARY);
}

async function register(
	cluster: ApiServer,
	{ url, caPem }: RunningWebhook,
	change: ((webhook: V1MutatingWebhook) => void) | 'none' = () => undefined,
): Promise<void> {
	const shipped: V1MutatingWebhookConfiguration = await shippedWebhookConfiguration();
	const path = `${COLLECTION}/${shipped.metadata?.name}`;
	await cluster.request('DELETE', path);
	if (change === 'none') return;
	for (const webhook of shipped.webhooks ?? []) {
		webhook.clientConfig = {
			url: `${url}${webhook.clientConfig.service?.path}`,
			caBundle: Buffer.from(caPem).toString('base64'),
		};
		change(webhook);
	}
	expectStatus(await cluster.request('POST', COLLECTION, shipped), 201, 'registering the webhook');
}

/** What the doctor found. */
export interface Diagnosis {
	readonly code: number | null;
	readonly checks: readonly Check[];
	readonly stdout: string;
	readonly stderr: string;
}

/** Calls the doctor for the fixture's own service account. */
export async function diagnose(
	fixture: Fixture,
	args: readonly string[] = [],
	program?: string,
	env: Readonly<Record<string, string>> = {},
): Promise<Diagnosis> {
	const { cluster, namespace } = fixture;
	const ended = await envtier(
		[
			...['doctor', '--json', '--kubeconfig', cluster.kubeconfig, '--namespace', namespace],
			...['--service-account', 'web', '--deployment', 'shop', '--service', 'web', '--org', 'acme'],
			...args,
		],
		{ program, env },
	);
	expectNoSecrets(ended.stdout + ended.stderr);
	expect(ended.stdout, ended.stderr).not.toBe('');
	const { checks } = JSON.parse(ended.stdout) as Diagnosis;
	for (const { id, status, cure = '' } of checks)
		expect(cure !== '', `${id} (${status}) has a cure`).toBe(status === 'warn' || status === 'fail');
	return { ...ended, checks };
}

/** Checks that no output contains a JWT, a token of Vault or a value. */
function expectNoSecrets(output: string): void {
	expect(output).not.toContain(CANARY);
	expect(output).not.toMatch(/eyJ[\w-]{10}/);
	expect(output).not.toMatch(/\b(?:hv[sb]|[sb])\.[A-Za-z0-9_-]{20,}/);
}

/** The check with this id, as `status: message // cure`. */
export function lineOf({ checks, stderr }: Diagnosis, id: string): string {
	const found = checks.find((check) => check.id === id);
	expect(found, `${id} is missing\n${stderr}`).toBeDefined();
	return `${found?.status}: ${found?.message} // ${found?.cure ?? ''}`;
}

/** Something that serves a certificate and answers every call with an injection of nothing. */
export async function impostor(pair: KeyPair): Promise<{ readonly url: string; stop(): Promise<void> }> {
	const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (request, response) => {
		const chunks: Buffer[] = [];
		request.on('data', (chunk: Buffer) => chunks.push(chunk));
		request.on('end', () => {
			const { uid } = JSON.parse(Buffer.concat(chunks).toString('utf8')).request;
			const answer = {
				apiVersion: 'admission.k8s.io/v1',
				kind: 'AdmissionReview',
				response: { uid, allowed: true },
			};
			response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
		});
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	return {
		url: `https://127.0.0.1:${port}`,
		stop: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

/** Writes a kubeconfig for a token instead of the administrator's certificate; gives its path. */
export async function kubeconfigFor(
	fixture: Fixture,
	token: string,
	url = fixture.cluster.url,
): Promise<string> {
	const { caPem, kubeconfig } = fixture.cluster;
	const file = join(kubeconfig, `../${randomUUID()}.kubeconfig`);
	const data = Buffer.from(caPem).toString('base64');
	const config = {
		apiVersion: 'v1',
		kind: 'Config',
		clusters: [{ name: 'one', cluster: { server: url, 'certificate-authority-data': data } }],
		users: [{ name: 'one', user: { token } }],
		contexts: [{ name: 'one', context: { cluster: 'one', user: 'one' } }],
		'current-context': 'one',
	};
	await writeFile(file, stringify(config), { mode: 0o600 });
	return file;
}
