import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { stringify } from 'yaml';
import { lock } from '../../lock.ts';
import { vaultSetup } from '../../vault-setup.ts';
import { kubectlFor, mustKubectl } from '../kubectl.ts';
import type { Installed } from './api.ts';
import { untilServing } from './install.ts';

const MANIFESTS = join(import.meta.dirname, '../../../../deploy/manifests');

/**
 * Installs the controller with the steps of docs/controller.md: its policy and role in Vault, and its
 * manifests with rollouts. Every replica is ready when this resolves.
 *
 * @param settings other ENVTIER_CONTROLLER_* variables
 * @returns removes all of it again: other tests of the node look for what is left of Envtier
 */
export async function installController(
	{ cluster, kubectl, vault }: Installed,
	settings: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
	// The overlay of the webhook that was installed lies beside the kubeconfig.
	const place = dirname(cluster.kubeconfig);
	// Controllers of other test files would take the same Lease.
	const release = await lock(join(place, 'controllers.lock'));
	await vaultSetup(vault)('controller');
	const literals = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
	const run = kubectlFor(kubectl, cluster);
	/** An overlay of the controller, beside others. */
	const overlayOf = async (name: string, besides: readonly string[]): Promise<string> => {
		const overlay = join(place, name);
		const at = (folder: string): string => relative(overlay, join(MANIFESTS, folder));
		await mkdir(overlay, { recursive: true });
		const kustomization = {
			namespace: 'envtier-system',
			resources: [...besides, at('controller')],
			components: [at('components/controller-rollouts')],
			configMapGenerator: [{ name: 'envtier-controller-settings', behavior: 'merge', literals }],
		};
		await writeFile(join(overlay, 'kustomization.yaml'), stringify(kustomization));
		return overlay;
	};
	await mustKubectl(run, 'apply', '-k', await overlayOf('overlay-controller', ['../overlay']));
	await untilServing(cluster, 'envtier-controller');
	return async () => {
		const overlay = await overlayOf('overlay-controller-alone', []);
		await mustKubectl(run, 'delete', '--ignore-not-found', '-k', overlay);
		release();
	};
}
