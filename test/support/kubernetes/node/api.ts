import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { stringify } from 'yaml';
import { lock } from '../../lock.ts';
import type { VaultAccess } from '../../openbao.ts';
import { vaultSetup } from '../../vault-setup.ts';
import type { Cluster } from '../cluster.ts';
import { kubectlFor, mustKubectl } from '../kubectl.ts';
import { makeCertificate, untilServing } from './install.ts';

const CERTIFICATE = '/api/v1/namespaces/envtier-system/secrets/envtier-api-tls';
const DEPLOY = join(import.meta.dirname, '../../../../deploy');

/** A cluster that Envtier is installed in. */
export interface Installed {
	readonly cluster: Pick<Cluster, 'kubeconfig' | 'request'>;
	/** Path of the program. */
	readonly kubectl: string;
	readonly vault: VaultAccess;
}

/**
 * Installs the secrets API with the steps of docs/installing.md: its policy and role in Vault, its
 * certificate (also for `localhost`), and its manifests. Every replica is ready when this resolves. A second
 * call changes nothing: another certificate would be served only after the kubelet's update, a minute later.
 * Of several test files one installs it and the others wait.
 */
export async function installApi(installed: Installed, org: string): Promise<void> {
	const release = await lock(join(dirname(installed.cluster.kubeconfig), 'api.lock'));
	try {
		await install(installed, org);
	} finally {
		release();
	}
}

async function install({ cluster, kubectl, vault }: Installed, org: string): Promise<void> {
	await vaultSetup(vault)('api');
	// The overlay of the webhook that was installed lies beside the kubeconfig.
	const overlay = join(dirname(cluster.kubeconfig), 'overlay-api');
	await mkdir(overlay, { recursive: true });
	const kustomization = {
		namespace: 'envtier-system',
		resources: ['../overlay', relative(overlay, join(DEPLOY, 'manifests/api'))],
		configMapGenerator: [
			{
				name: 'envtier-api-settings',
				behavior: 'merge',
				literals: [`ENVTIER_API_KUBERNETES_ORG=${org}`],
			},
		],
	};
	await writeFile(join(overlay, 'kustomization.yaml'), stringify(kustomization));
	if ((await cluster.request('GET', CERTIFICATE)).status === 404)
		await makeCertificate(cluster.kubeconfig, '--for', 'api', '--name', 'localhost');
	await mustKubectl(kubectlFor(kubectl, cluster), 'apply', '-k', overlay);
	await untilServing(cluster, 'envtier-api');
}
