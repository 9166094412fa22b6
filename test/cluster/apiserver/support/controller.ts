import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CONTROLLER_VARIABLES } from '../../../../controller/variables.ts';
import { bundleOf } from '../../../support/bundles.ts';
import { call } from '../../../support/http.ts';
import { createObject, shippedObjects } from '../../../support/kubernetes/apply-manifests.ts';
import type { Cluster } from '../../../support/kubernetes/cluster.ts';
import type { FaultyApiServer } from '../../../support/kubernetes/faulty-apiserver.ts';
import { webhookKubeconfig } from '../../../support/kubernetes/webhook-account.ts';
import { lock } from '../../../support/lock.ts';
import { samplesOf } from '../../../support/metrics.ts';
import { startOpenBao, type VaultAccess, type VaultApi } from '../../../support/openbao.ts';
import { createToken, writePolicy } from '../../../support/openbao-setup.ts';
import { type RunningProcess, startProcess } from '../../../support/process.ts';
import { type Scratch, scratch } from '../../../support/scratch.ts';

/** The shipped rights of the controller's account, and what limits them. */
export const CONTROLLER_FILES = [
	'controller/rbac.yaml',
	'components/controller-rollouts/rbac.yaml',
	'components/controller-rollouts/admission-policy.yaml',
] as const;

const NAMESPACE = 'envtier-system';
const ACCOUNT = 'envtier-controller';

/** Settings that a test chooses itself. */
export type ControllerEnv = Partial<
	Record<keyof typeof CONTROLLER_VARIABLES | 'ENVTIER_VAULT_ADDR' | 'ENVTIER_VAULT_CA', string>
>;

/** A controller that runs as a process of its own. */
export interface RunningController {
	/** `http://host:port`. */
	readonly url: string;
	readonly process: RunningProcess;
	stop(): Promise<void>;
}

/** Starts controllers with the shipped bundle, rights and policies. */
export interface ControllerFixture {
	/** The OpenBao of its controllers. */
	readonly bao: VaultApi & VaultAccess;
	/**
	 * @param options of Node
	 * @param shipped variables of the image
	 */
	start(
		env?: ControllerEnv,
		options?: readonly string[],
		shipped?: Readonly<Record<string, string>>,
	): Promise<RunningController>;
	/** Lets controllers choose a leader in another namespace than the one that ships. */
	mayLead(namespace: string): Promise<void>;
	/** The value of a metric now; 0 without the series. */
	counted(controller: RunningController, series: string): Promise<number>;
	/** How often folders of Vault were read. */
	polls(controller: RunningController): Promise<number>;
	/** A kubeconfig of its account, through a proxy if there is one. */
	kubeconfig(proxy?: FaultyApiServer): Promise<string>;
	remove(): Promise<void>;
}

/**
 * Gives the controller's account the rights and the admission policy that ship, and a token of Vault.
 *
 * @param shared the OpenBao of the pods; default: one of its own
 */
export async function controllerFixture(
	cluster: Cluster,
	shared?: VaultApi & VaultAccess,
): Promise<ControllerFixture> {
	// A controller looks at the whole cluster, and each test file has an OpenBao of its own.
	const release = await lock(join(dirname(cluster.kubeconfig), 'controllers.lock'));
	await removeWorkloads(cluster);
	const own = shared === undefined ? await startOpenBao() : undefined;
	const bao = shared ?? own;
	if (bao === undefined) throw new Error('no OpenBao');
	const place: Scratch = await scratch('controller');
	await cluster.createNamespace({ name: NAMESPACE });
	await cluster.createServiceAccount(NAMESPACE, ACCOUNT);
	for (const file of CONTROLLER_FILES)
		for (const object of await shippedObjects(file)) await createObject(cluster, object);
	const policy = join(import.meta.dirname, '../../../../deploy/vault/controller-policy.hcl');
	await writePolicy(bao, 'envtier-controller', await readFile(policy, 'utf8'));
	const tokenFile = join(place.dir, 'vault-token');
	await writeFile(tokenFile, await createToken(bao, ['envtier-controller']), { mode: 0o600 });
	const kubeconfig = (proxy?: FaultyApiServer): Promise<string> =>
		webhookKubeconfig(cluster, place.dir, proxy, { namespace: NAMESPACE, name: ACCOUNT });
	const counted = async ({ url }: RunningController, series: string): Promise<number> =>
		samplesOf((await call({ url: `${url}/metrics` })).text).get(series) ?? 0;
	return {
		bao,
		kubeconfig,
		counted,
		polls: (controller) => counted(controller, 'envtier_controller_polls_total{result="ok"}'),
		mayLead: async (namespace) => {
			for (const object of await shippedObjects('controller/rbac.yaml'))
				await createObject(cluster, { ...object, metadata: { ...object.metadata, namespace } });
		},
		remove: async () => {
			await removeWorkloads(cluster);
			release();
			await own?.stop();
			await place.remove();
		},
		start: async (env = {}, options = [], shipped = {}) => {
			const started = await startProcess({
				name: 'controller',
				command: process.execPath,
				args: [...options, await bundleOf('controller')],
				env: {
					...shipped,
					ENVTIER_CONTROLLER_LISTEN: '127.0.0.1:0',
					ENVTIER_CONTROLLER_ROLLOUTS: 'true',
					ENVTIER_CONTROLLER_PERIOD: '1',
					ENVTIER_CONTROLLER_BATCH: '0',
					ENVTIER_CONTROLLER_KUBECONFIG: await kubeconfig(),
					ENVTIER_CONTROLLER_VAULT_TOKEN_FILE: tokenFile,
					ENVTIER_VAULT_ADDR: bao.addr,
					ENVTIER_VAULT_CA: bao.caPem,
					...env,
				},
			});
			const port = (): number | undefined => {
				const line = started
					.stdout()
					.split('\n')
					.find((text) => text.includes('"msg":"serving"'));
				return line === undefined ? undefined : (JSON.parse(line) as { port: number }).port;
			};
			await started.waitUntil('it serves', port);
			return {
				url: `http://127.0.0.1:${port()}`,
				process: started,
				stop: async () => void (await started.stop()),
			};
		},
	};
}

interface RolledObject {
	readonly metadata: { readonly name: string; readonly namespace: string };
	readonly spec: {
		readonly template: { readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> } };
	};
}

/** Deletes the workloads that ask for rollouts: to another OpenBao all of their secrets have changed. */
async function removeWorkloads(cluster: Cluster): Promise<void> {
	for (const plural of ['deployments', 'statefulsets', 'daemonsets']) {
		const { body } = await cluster.request<{ items: readonly RolledObject[] }>(
			'GET',
			`/apis/apps/v1/${plural}`,
		);
		for (const { metadata, spec } of body.items)
			if (spec.template.metadata?.annotations?.['envtier.dev/on-change'] === 'rollout')
				await cluster.request(
					'DELETE',
					`/apis/apps/v1/namespaces/${metadata.namespace}/${plural}/${metadata.name}`,
				);
	}
}
