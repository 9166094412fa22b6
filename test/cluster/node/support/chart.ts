import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1Deployment } from '@kubernetes/client-node';
import { expect } from 'vitest';
import { call } from '../../../support/http.ts';
import { expectStatus } from '../../../support/kubernetes/cluster.ts';
import { CHART, helmFor } from '../../../support/kubernetes/helm.ts';
import { kubectlFor, mustKubectl } from '../../../support/kubernetes/kubectl.ts';
import { makeCertificate } from '../../../support/kubernetes/node/install.ts';
import { createPod, MAIN, podOf } from '../../../support/kubernetes/pods.ts';
import { preparePrograms } from '../../../support/kubernetes/programs.ts';
import { runPod } from '../../../support/kubernetes/run-pod.ts';
import type { NodeServers } from '../../../support/node-servers.ts';
import { removeSecret } from '../../../support/openbao-setup.ts';
import { until } from '../../../support/until.ts';
import { forwardApi } from './port-forward.ts';
import type { Tenant } from './tenant.ts';

const NAMESPACE = 'envtier-system';
const API_TLS = `/api/v1/namespaces/${NAMESPACE}/secrets/envtier-api-tls`;

/** A release of the chart, on a node where nothing else of Envtier is. */
export interface Release extends AsyncDisposable {
	/** `helm …` for the namespace of the release; throws what it said when it fails. Gives what it printed. */
	helm(...args: readonly string[]): Promise<string>;
	/** Sets a secret of the organization `acme` through the release's API, as a person would. */
	setSecret(key: string, value: string): Promise<void>;
	/** What a new pod of the tenant finds. */
	found(...keys: readonly string[]): Promise<string>;
}

/**
 * Installs the chart with the secrets API in a namespace that enforces Pod Security "restricted". Waits until
 * everything is ready.
 */
export async function installChart(servers: NodeServers, tenant: Tenant): Promise<Release> {
	const { cluster, vault, vaultInside, setupVault } = servers;
	const programs = await preparePrograms(['helm']);
	if (!programs.ok) throw new Error(programs.error);
	const run = helmFor(programs.value.helm, cluster);
	const kubectl = kubectlFor(servers.kubectl, cluster);
	const helm: Release['helm'] = async (...args) => {
		const { code, stdout, stderr } = await run(...args, '-n', NAMESPACE);
		if (code !== 0) {
			const shown = await kubectl('describe', 'pods', '-n', NAMESPACE);
			throw new Error(`helm ${args.join(' ')} ended with ${code}: ${stdout}${stderr}\n${shown.stdout}`);
		}
		return stdout;
	};
	await mustKubectl(kubectl, 'create', 'namespace', NAMESPACE);
	await mustKubectl(
		kubectl,
		'label',
		'namespace',
		NAMESPACE,
		'pod-security.kubernetes.io/enforce=restricted',
	);
	await setupVault('api');
	await makeCertificate(cluster.kubeconfig, '--for', 'api', '--name', 'localhost');
	const dir = await mkdtemp(join(tmpdir(), 'envtier-chart-'));
	const values = join(dir, 'values.yaml');
	const settings = {
		ENVTIER_VAULT_ADDR: vaultInside,
		ENVTIER_VAULT_CA: vault.caPem,
		ENVTIER_DEFAULT_ORG: 'acme',
		ENVTIER_CERTIFICATES: 'self',
	};
	const api = { enabled: true, replicas: 1, settings: { ENVTIER_API_KUBERNETES_ORG: 'acme' } };
	// JSON is YAML.
	await writeFile(values, JSON.stringify({ settings, api, replicas: 2 }));
	await helm('install', 'envtier', CHART, '--values', values, '--wait', '--timeout', '110s');
	await rm(dir, { recursive: true });
	// That is what --wait is for. What remains is the moment until the node's proxy knows them, too.
	for (const [name, replicas] of Object.entries({ 'envtier-webhook': 2, 'envtier-api': 1 })) {
		const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`;
		const { body } = await cluster.request<V1Deployment>('GET', path);
		expect([name, body.status?.readyReplicas]).toEqual([name, replicas]);
	}
	const asking = podOf({ name: 'probe', envtier: { deployment: 'shop' } });
	await until('the Service to lead to a replica', async () => {
		return (await createPod(cluster, tenant.namespace, asking, 'dryRun=All')).status === 201;
	});

	const admin = `${tenant.namespace}-secrets`;
	const account = `${tenant.namespace}:${tenant.account}`;
	await mustKubectl(
		kubectl,
		...['create', 'clusterrolebinding', admin, '--clusterrole=cluster-admin', `--serviceaccount=${account}`],
	);
	const set: string[] = [];
	return {
		helm,
		setSecret: async (key, value) => {
			const token = await cluster.token(tenant.namespace, tenant.account, ['envtier-api']);
			const secret = await cluster.request<{ data: Record<string, string> }>('GET', API_TLS);
			const { data } = expectStatus(secret, 200, 'reading the certificate of the API');
			const caPem = Buffer.from(data['ca.crt'] ?? '', 'base64').toString();
			await using forwarded = await forwardApi(servers.kubectl, cluster.kubeconfig);
			const headers = { authorization: `Bearer ${token}` };
			const url = `${forwarded.url}/api/org/secrets`;
			const made = await call({ method: 'POST', url, caPem, headers, body: { key, value } });
			expect([made.status, made.text]).toEqual([201, expect.stringContaining(key)]);
			set.push(key);
		},
		found: async (...keys) => {
			const print = keys.map((key) => `echo "${key}=$${key}"`).join('; ');
			const main = {
				...MAIN,
				image: 'localhost/busybox:1',
				command: ['sh', '-ec', `. /secrets/env; ${print}`],
			};
			const metadata = { generateName: 'web-', annotations: tenant.annotations() };
			const spec = { serviceAccountName: tenant.account, containers: [main] };
			return (await runPod(cluster, tenant.namespace, { metadata, spec })).log;
		},
		[Symbol.asyncDispose]: async () => {
			await run('uninstall', 'envtier', '-n', NAMESPACE, '--ignore-not-found');
			await kubectl('delete', 'clusterrolebinding', admin);
			for (const key of set) await removeSecret(vault, `orgs/acme/secrets/${key}`);
			await mustKubectl(kubectl, 'delete', 'namespace', NAMESPACE);
		},
	};
}
