import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { caller, startApi } from '../../../api/support/api.ts';
import { vaultEnv } from '../../../api/support/both.ts';
import { bundleOf } from '../../../support/bundles.ts';
import type { NodeServers } from '../../../support/node-servers.ts';
import { must } from '../../../support/openbao-setup.ts';
import { startProcess } from '../../../support/process.ts';
import { scratch } from '../../../support/scratch.ts';
import { startTimeProxy } from '../../../support/time-proxy.ts';
import { makeAuthority } from '../../../support/tls.ts';

const QUARTER = 91 * 24 * 3_600_000;
/** Takes over a name under which secrets lie. */
const admin = caller('user:admin', { roles: ['platform_admin'] });

/** A password that rotates every 90 days, and a controller that rotates it. */
export interface RotatingPassword extends AsyncDisposable {
	version(): Promise<number>;
	value(): Promise<string>;
	/**
	 * Starts a controller that rotates and does nothing else. To it alone 91 days have passed: the shortest
	 * rotation is an hour.
	 */
	letItRotate(): Promise<void>;
	/** What that controller has logged. */
	output(): string;
}

/**
 * Creates a password of a deployment with the API. The controller runs outside of the cluster, with a role of
 * `setup.sh rotation` and the account of the installed controller.
 */
export async function makeRotatingPassword(
	{ cluster, vault, setupVault }: NodeServers,
	deployment: string,
	name: string,
): Promise<RotatingPassword> {
	await using starting = new AsyncDisposableStack();
	const api = starting.use(await startApi({ callers: [admin], env: await vaultEnv(vault) }));
	const post = async (path: string, body: object): Promise<void> => {
		const { status, text } = await api.send('POST', path, { as: admin, body });
		if (status !== 201) throw new Error(`POST ${path}: ${status} ${text}`);
	};
	await post('/api/deployments', { name: deployment, org: 'acme', adopt: true });
	const rotation = { every: '90d' };
	await post('/api/secrets', { type: 'password', name, deploymentName: deployment, rotation });
	await setupVault('rotation');

	const authority = await makeAuthority('Envtier test CA of a proxy');
	const proxy = starting.use(await startTimeProxy({ ...vault, authority }));
	const { dir } = starting.use(await scratch('rotation'));
	const tokenFile = join(dir, 'token');
	await writeFile(tokenFile, await cluster.token('envtier-system', 'envtier-controller', ['vault']));
	let output = (): string => '';
	const path = `deployments/${deployment}/secrets/${name}`;
	const read = async <T>(part: string): Promise<T> =>
		((await must(vault, 'GET', `secret/${part}/${path}`)) as { data: T }).data;
	const endings = starting.move();
	return {
		version: async () => (await read<{ current_version: number }>('metadata')).current_version,
		value: async () => (await read<{ data: { value: string } }>('data')).data.value,
		output: () => output(),
		letItRotate: async () => {
			proxy.pass(QUARTER);
			const started = await startProcess({
				name: 'controller',
				command: process.execPath,
				args: [await bundleOf('controller')],
				env: {
					ENVTIER_CONTROLLER_LISTEN: '127.0.0.1:0',
					ENVTIER_CONTROLLER_NAMESPACE: deployment,
					ENVTIER_CONTROLLER_KUBECONFIG: cluster.kubeconfig,
					ENVTIER_CONTROLLER_ROTATION: 'true',
					ENVTIER_CONTROLLER_PERIOD: '1',
					ENVTIER_CONTROLLER_VAULT_ROLE: 'envtier-controller',
					ENVTIER_CONTROLLER_VAULT_LOGIN_TOKEN_FILE: tokenFile,
					ENVTIER_VAULT_ADDR: proxy.addr,
					ENVTIER_VAULT_CA: authority.certPem,
				},
			});
			endings.defer(() => started.stop().then(() => undefined));
			output = started.output;
		},
		[Symbol.asyncDispose]: () => endings.disposeAsync(),
	};
}
