import { writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';

const ROOT = join(import.meta.dirname, '../../../..');

/** What an administrator says of their cluster. */
export interface Choices {
	readonly overlay: 'production' | 'trial';
	readonly replicas: number;
	readonly vaultAddr: string;
	readonly vaultCaPem: string;
	/** Other ENVTIER_* variables of the webhook. */
	readonly settings?: Readonly<Record<string, string>>;
}

/** Writes into `dir` an overlay of one of those that ship, as an administrator would for their cluster. */
export async function writeOverlay(dir: string, choices: Choices): Promise<void> {
	const settings = { ENVTIER_VAULT_ADDR: choices.vaultAddr, ...choices.settings };
	await writeFile(join(dir, 'vault-ca.pem'), choices.vaultCaPem);
	const kustomization = {
		apiVersion: 'kustomize.config.k8s.io/v1beta1',
		kind: 'Kustomization',
		namespace: 'envtier-system',
		// kustomize takes no absolute path.
		resources: [relative(dir, join(ROOT, 'deploy/manifests/overlays', choices.overlay))],
		configMapGenerator: [
			{
				name: 'envtier-settings',
				behavior: 'merge',
				literals: Object.entries(settings).map(([name, value]) => `${name}=${value}`),
				files: ['ENVTIER_VAULT_CA=vault-ca.pem'],
			},
		],
		replicas: [{ name: 'envtier-webhook', count: choices.replicas }],
	};
	await writeFile(join(dir, 'kustomization.yaml'), stringify(kustomization));
}
