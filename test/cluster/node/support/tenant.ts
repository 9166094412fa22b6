import type { V1Pod, V1PodSpec, V1PodTemplateSpec } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX } from '../../../../contract/names.ts';
import type { NodeServers } from '../../../support/node-servers.ts';
import { putSecret } from '../../../support/openbao-setup.ts';

/** The service that tenants' pods are, and the service account that they run as. */
const SERVICE = 'web';

/** The role of every tenant that has none of its own. */
export const ROLE_OF_ALL = 'acme';

/** Seconds that every fetch on the node has. */
export const DEADLINE = 35;

/** What differs from a tenant for whom all goes well. */
export interface TenantOptions {
	readonly labels?: Readonly<Record<string, string>>;
	/** Secrets of its deployment, of the organization `acme` and of the service `web`. */
	readonly secrets?: Readonly<Record<string, string>>;
	/**
	 * Further options of `setup.sh role`, for a role bound to its service account that grants organization and
	 * deployment. Without them its pods use the shared role, whose policy Vault completes from the pod's
	 * identity.
	 */
	readonly role?: readonly string[];
}

/** A namespace with a deployment of the same name in Vault, and a service account that may read it. */
export interface Tenant {
	readonly namespace: string;
	/** The service account of its pods, which is the service’s name as well. */
	readonly account: string;
	/** Annotations that ask for its secrets, and others, without Envtier's prefix. */
	annotations(more?: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
	/** A pod named `app` of its service account, with the annotations. */
	pod(spec: V1PodSpec, more?: Readonly<Record<string, string>>): V1Pod & { spec: V1PodSpec };
	/** The same for a controller to make pods from. */
	template(spec: V1PodSpec, more?: Readonly<Record<string, string>>): V1PodTemplateSpec;
}

/**
 * Creates a tenant. The organization has REGION; the deployment GREETING and LEVEL; the service `web`
 * overrides LEVEL.
 */
export async function makeTenant(
	{ cluster, vault, setupVault }: Pick<NodeServers, 'cluster' | 'vault' | 'setupVault'>,
	{ labels = {}, secrets = {}, role }: TenantOptions = {},
): Promise<Tenant> {
	const namespace = await cluster.createNamespace({ labels });
	await cluster.createServiceAccount(namespace, SERVICE);
	const deployment = `deployments/${namespace}`;
	await putSecret(vault, 'orgs/acme/secrets/REGION', 'eu-north-1');
	await putSecret(vault, `${deployment}/secrets/GREETING`, `it's "$HOME"\nand more`);
	await putSecret(vault, `${deployment}/secrets/LEVEL`, 'info');
	await putSecret(vault, `${deployment}/services/${SERVICE}/secrets/LEVEL`, 'debug');
	for (const [key, value] of Object.entries(secrets))
		await putSecret(vault, `${deployment}/secrets/${key}`, value);
	if (role !== undefined) {
		const who = ['--namespace', namespace, '--account', SERVICE];
		await setupVault('role', namespace, ...who, '--org', 'acme', '--deployment', namespace, ...role);
	}
	const loginRole = role === undefined ? ROLE_OF_ALL : namespace;
	const own = { deployment: namespace, service: SERVICE, role: loginRole };
	const annotations: Tenant['annotations'] = (more = {}) =>
		Object.fromEntries(
			Object.entries({ ...own, ...more }).map(([name, value]) => [ANNOTATION_PREFIX + name, value]),
		);
	const ours = (spec: V1PodSpec): V1PodSpec => ({
		serviceAccountName: SERVICE,
		terminationGracePeriodSeconds: 1,
		...spec,
	});
	return {
		namespace,
		account: SERVICE,
		annotations,
		pod: (spec, more) => ({ metadata: { name: 'app', annotations: annotations(more) }, spec: ours(spec) }),
		template: (spec, more) => ({
			metadata: { labels: { app: 'app' }, annotations: annotations(more) },
			spec: ours(spec),
		}),
	};
}
