import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import type { VariableName } from '../../../contract/variables.ts';
import { readable } from '../../../pki/bundle.ts';
import { call } from '../../support/http.ts';
import type { ClusterAccess } from '../../support/kubernetes/client.ts';
import { type Cluster, expectStatus } from '../../support/kubernetes/cluster.ts';
import { kubectlFor, mustKubectl } from '../../support/kubernetes/kubectl.ts';
import { preparePrograms } from '../../support/kubernetes/programs.ts';
import { shippedWebhookConfiguration } from '../../support/kubernetes/webhook-configuration.ts';
import { type RunningProcess, startProcess } from '../../support/process.ts';

const RBAC = join(import.meta.dirname, '../../../deploy/manifests/components/self-managed/rbac.yaml');
const MAIN = join(import.meta.dirname, '../../../webhook/main.ts');
export const WEBHOOK_CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
export const WEBHOOK_CONFIGURATION = `${WEBHOOK_CONFIGURATIONS}/envtier`;
export const NAMESPACE = 'envtier-system';
export const SECRET = `/api/v1/namespaces/${NAMESPACE}/secrets/envtier-webhook-certificates`;

/** A webhook that keeps its certificate itself, as a process of its own. */
export interface Replica {
	readonly process: RunningProcess;
	readonly port: number;
	/** `/readyz`, whose certificate nobody checks: the kubelet does not either. */
	readiness(): Promise<{ readonly status: number; readonly text: string }>;
	/**
	 * A TLS handshake as an API server that trusts `bundle`. Returns the certificate's fingerprint; rejects when
	 * it is not trusted.
	 */
	shown(bundle: string): Promise<string>;
}

/** Writes a kubeconfig of somebody with this token; gives its path. */
export async function tokenKubeconfig(
	dir: string,
	{ url, caPem }: Pick<ClusterAccess, 'url' | 'caPem'>,
	token: string,
): Promise<string> {
	const file = join(dir, `${crypto.randomUUID()}.kubeconfig`);
	const ca = Buffer.from(caPem).toString('base64');
	const config = {
		clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority-data': ca } }],
		contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
		users: [{ name: 'u', user: { token } }],
		'current-context': 'c',
	};
	await writeFile(file, JSON.stringify(config), { mode: 0o600 });
	return file;
}

/**
 * Installs a namespace, exactly the shipped rights, and the webhook configuration with a port of this machine
 * instead of the Service. Returns the kubeconfig of the webhook's service account.
 */
export async function installSelfManaged(cluster: Cluster, dir: string, port: number): Promise<string> {
	const programs = await preparePrograms(['kubectl']);
	if (!programs.ok) throw new Error(programs.error);
	await cluster.createNamespace({ name: NAMESPACE });
	await cluster.createServiceAccount(NAMESPACE, 'envtier-webhook');
	await mustKubectl(kubectlFor(programs.value.kubectl, cluster), 'apply', '-f', RBAC);
	await registerAt(cluster, port);
	return await tokenKubeconfig(dir, cluster, await cluster.token(NAMESPACE, 'envtier-webhook', [], 3600));
}

/** Registers the webhook as it ships, at a port of this machine in place of its Service. */
export async function registerAt(cluster: Cluster, port: number): Promise<void> {
	const webhookConfiguration = await shippedWebhookConfiguration();
	for (const webhook of webhookConfiguration.webhooks ?? [])
		webhook.clientConfig = { url: `https://127.0.0.1:${port}/mutate` };
	expectStatus(
		await cluster.request('POST', WEBHOOK_CONFIGURATIONS, webhookConfiguration),
		201,
		'registering',
	);
}

/** Starts a replica; it listens when this resolves, ready or not. */
export async function startReplica(
	kubeconfig: string,
	settings: Partial<Record<VariableName, string>>,
): Promise<Replica> {
	const started = await startProcess({
		name: 'webhook',
		command: process.execPath,
		args: [MAIN],
		env: {
			ENVTIER_LISTEN: '127.0.0.1:0',
			ENVTIER_CERTIFICATES: 'self',
			ENVTIER_KUBECONFIG: kubeconfig,
			ENVTIER_CERTIFICATES_NAMES: '127.0.0.1',
			// Its rights are those for certificates alone.
			ENVTIER_ORG_LABEL: 'ignore',
			ENVTIER_FETCHER_IMAGE: 'envtier-fetcher:test',
			ENVTIER_VAULT_ADDR: 'https://vault.example:8200',
			...settings,
		},
	});
	let port = 0;
	await started.waitUntil('it serves', () => {
		const line = started
			.stdout()
			.split('\n')
			.find((text) => text.includes('"msg":"serving"'));
		if (line !== undefined) port = (JSON.parse(line) as { port: number }).port;
		return line !== undefined;
	});
	return {
		process: started,
		port,
		readiness: () => call({ url: `https://127.0.0.1:${port}/readyz`, anyCertificate: true }),
		shown: (bundle) => shownBy(port, bundle),
	};
}

/**
 * A TLS handshake with a server on loopback, trusting `ca`. Returns the certificate's fingerprint; rejects
 * when it is not trusted.
 */
export function shownBy(port: number, ca: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: '127.0.0.1', port, ca, timeout: 20_000 }, () => {
			resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
			socket.destroy();
		});
		socket.on('error', reject);
		socket.on('timeout', () => socket.destroy(new Error('no handshake within 20 s')));
	});
}

/** The `caBundle` of the webhook configuration, PEM text. */
export async function bundleOf(cluster: Cluster): Promise<string> {
	const answer = await cluster.request<V1MutatingWebhookConfiguration>('GET', WEBHOOK_CONFIGURATION);
	const { webhooks } = expectStatus(answer, 200, 'reading the webhook configuration');
	return Buffer.from(webhooks?.[0]?.clientConfig.caBundle ?? '', 'base64').toString('utf8');
}

/** Writes the `caBundle` as somebody who knows nothing of us would. */
export async function overwriteBundle(cluster: Cluster, bundle: string): Promise<void> {
	const value = Buffer.from(bundle).toString('base64');
	const patch = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value }];
	const answer = await cluster.request('PATCH', WEBHOOK_CONFIGURATION, patch, {
		contentType: 'application/json-patch+json',
	});
	expectStatus(answer, 200, 'overwriting the caBundle');
}

/** What the Secret holds, decoded; undefined when there is none. */
export async function secretOf(cluster: Cluster): Promise<Readonly<Record<string, string>> | undefined> {
	const answer = await cluster.request<{ data?: Record<string, string> }>('GET', SECRET);
	if (answer.status === 404) return undefined;
	const { data = {} } = expectStatus(answer, 200, 'reading the Secret');
	return Object.fromEntries(
		Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]),
	);
}

/** Fingerprint of the first certificate in PEM text; undefined when there is none. */
export function fingerprint(pem: string | undefined): string | undefined {
	return readable(pem ?? '')[0]?.fingerprint256;
}
