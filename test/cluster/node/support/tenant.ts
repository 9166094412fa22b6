import type { V1PodTemplateSpec } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX } from '../../../../contract/names.ts';
import type { Cluster } from '../../../support/kubernetes/cluster.ts';
import type { VaultApi } from '../../../support/openbao.ts';
import { putSecret, writePolicy, writeRole } from '../../../support/openbao-setup.ts';

/** What differs from a tenant for whom all goes well. */
export interface TenantOptions {
	readonly labels?: Readonly<Record<string, string>>;
	/** Secrets of its deployment, of the organization `acme` and of the service `web`. */
	readonly secrets?: Readonly<Record<string, string>>;
	/** Paths that its policy leaves out. */
	readonly without?: 'service';
	/** What is other about its role. */
	readonly role?: object;
}

/** A namespace with a deployment, a role and a policy in Vault of the same name. */
export interface Tenant {
	readonly namespace: string;
	/** Annotations that ask for its secrets, and others, without Envtier's prefix. */
	annotations(more?: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
}

/** Makes a tenant. The organization has REGION; the deployment GREETING and LEVEL; the service `web` overrides LEVEL. */
export async function makeTenant(
	{ cluster, vault }: { readonly cluster: Cluster; readonly vault: VaultApi },
	{ labels = {}, secrets = {}, without, role = {} }: TenantOptions = {},
): Promise<Tenant> {
	const namespace = await cluster.createNamespace({ labels });
	const deployment = `deployments/${namespace}`;
	const web = `${deployment}/services/web`;
	await putSecret(vault, 'orgs/acme/secrets/REGION', 'eu-north-1');
	await putSecret(vault, `${deployment}/secrets/GREETING`, `it's "$HOME"\nand more`);
	await putSecret(vault, `${deployment}/secrets/LEVEL`, 'info');
	await putSecret(vault, `${web}/secrets/LEVEL`, 'debug');
	for (const [key, value] of Object.entries(secrets))
		await putSecret(vault, `${deployment}/secrets/${key}`, value);
	const tiers = ['orgs/acme', deployment, ...(without === 'service' ? [] : [web])];
	await writePolicy(vault, namespace, tiers.map(readable).join('\n'));
	await writeRole(vault, 'kubernetes', namespace, {
		bound_service_account_names: ['default'],
		bound_service_account_namespaces: [namespace],
		audience: 'vault',
		token_policies: [namespace],
		token_ttl: '5m',
		...role,
	});
	const own = { deployment: namespace, service: 'web', role: namespace };
	return {
		namespace,
		annotations: (more = {}) =>
			Object.fromEntries(
				Object.entries({ ...own, ...more }).map(([name, value]) => [ANNOTATION_PREFIX + name, value]),
			),
	};
}

function readable(tier: string): string {
	return `path "secret/metadata/${tier}/secrets/" { capabilities = ["list"] }
path "secret/data/${tier}/secrets/+" { capabilities = ["read"] }`;
}

/** A pod template of a tenant. */
export function templateOf(
	tenant: Tenant,
	spec: V1PodTemplateSpec['spec'],
	more: Readonly<Record<string, string>> = {},
): V1PodTemplateSpec {
	return {
		metadata: { labels: { app: 'app' }, annotations: tenant.annotations(more) },
		...(spec === undefined ? {} : { spec: { terminationGracePeriodSeconds: 1, ...spec } }),
	};
}
