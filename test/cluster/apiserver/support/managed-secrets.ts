import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Secret } from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import type { Condition, ManagedSecretStatus } from '../../../../controller/managed-secrets/resource.ts';
import {
	createObject,
	type ManifestObject,
	shippedObjects,
} from '../../../support/kubernetes/apply-manifests.ts';
import { type Cluster, expectStatus } from '../../../support/kubernetes/cluster.ts';
import { trustCluster } from '../../../support/kubernetes/vault-auth.ts';
import type { VaultAccess, VaultApi } from '../../../support/openbao.ts';
import { putSecret, writePolicy, writeRole } from '../../../support/openbao-setup.ts';
import { runProcess } from '../../../support/process.ts';
import { until } from '../../../support/until.ts';
import { type ControllerFixture, controllerFixture } from './controller.ts';

/** The definition, the rights and the policies that ship for ManagedSecrets. */
const FILES = ['crd.yaml', 'rbac.yaml', 'admission-policy.yaml'].map(
	(file) => `components/controller-managed-secrets/${file}`,
);
const SCRIPT = join(import.meta.dirname, '../../../../deploy/vault/setup.sh');
const MERGE = { contentType: 'application/merge-patch+json' };
/** Each value of these tests begins with it, so that it is found wherever it must not be. */
export const CANARY = 'canary-value-';

/** A ManagedSecret of the API. */
export interface ManagedSecretObject {
	readonly metadata: {
		readonly name: string;
		readonly namespace: string;
		readonly uid: string;
		readonly generation: number;
		readonly resourceVersion: string;
		readonly finalizers?: readonly string[];
	};
	readonly spec: Readonly<Record<string, unknown>>;
	readonly status?: ManagedSecretStatus;
}

/** A namespace whose account `web` may read the deployment of its name in Vault. */
export interface Tenant {
	readonly namespace: string;
	/** Writes a key of the deployment tier, or below another folder. The value gets the canary. */
	put(key: string, value: string, folder?: string): Promise<void>;
	/** Creates a ManagedSecret with `sync: true` and what else the spec is to have. */
	create(name: string, spec: object): Promise<ManagedSecretObject>;
	get(name: string): Promise<ManagedSecretObject>;
	patch(name: string, body: object): Promise<ManagedSecretObject>;
	remove(name: string): Promise<void>;
	/** Undefined: there is none. */
	secret(name: string): Promise<V1Secret | undefined>;
	/** The decoded values of a Secret, without the canary. */
	values(name: string): Promise<Readonly<Record<string, string>> | undefined>;
	/** Changes a Secret as another field manager. */
	patchSecret(name: string, body: object): Promise<void>;
	/** Resolves with a condition once it has the reason for the current generation. */
	condition(name: string, type: string, reason: string): Promise<Condition>;
	/** Resolves once the Secret is as Vault has it. */
	synced(name: string): Promise<ManagedSecretObject>;
	/** Applies what setup.sh managed-secrets prints. */
	optIn(...accounts: readonly string[]): Promise<void>;
}

/** Starts controllers that look after ManagedSecrets. */
export interface ManagedSecretFixture
	extends Pick<ControllerFixture, 'bao' | 'counted' | 'kubeconfig' | 'remove'> {
	start: ControllerFixture['start'];
	tenant(options?: { readonly optIn?: boolean; readonly policy?: string }): Promise<Tenant>;
}

const collection = (namespace: string): string =>
	`/apis/envtier.dev/v1alpha1/namespaces/${namespace}/managedsecrets`;

/** Creates the definition, the rights and the policies as they ship; all are in force when this resolves. */
export async function installManagedSecrets(cluster: Cluster): Promise<void> {
	for (const file of FILES)
		for (const object of await shippedObjects(file)) await createObject(cluster, object);
	await until('the definition', async () => {
		const answer = await cluster.request('GET', '/apis/envtier.dev/v1alpha1/managedsecrets');
		return answer.status === 200;
	});
}

/** The objects with which a namespace opts in, from the script that ships. */
export async function optInObjects(
	namespace: string,
	accounts: readonly string[],
): Promise<readonly ManifestObject[]> {
	const { code, stdout, stderr } = await runProcess({
		...{ name: 'setup.sh', command: 'sh', env: { PATH: process.env['PATH'] } },
		args: [SCRIPT, 'managed-secrets', '--namespace', namespace, '--account', accounts.join(',')],
	});
	if (code !== 0) throw new Error(stderr);
	return parseAllDocuments(stdout).map((document) => document.toJS() as ManifestObject);
}

/**
 * Prepares cluster and Vault as an operator does.
 *
 * @param shared an OpenBao that trusts the cluster already; default: one of its own
 */
export async function managedSecretFixture(
	cluster: Cluster,
	shared?: VaultApi & VaultAccess,
): Promise<ManagedSecretFixture> {
	const fixture = await controllerFixture(cluster, shared);
	const { bao } = fixture;
	await installManagedSecrets(cluster);
	await removeManagedSecrets(cluster);
	if (shared === undefined) await trustCluster(bao, cluster);
	return {
		...{ bao, counted: fixture.counted, kubeconfig: fixture.kubeconfig },
		start: (env = {}, ...image) =>
			fixture.start(
				{ ENVTIER_CONTROLLER_ROLLOUTS: 'false', ENVTIER_CONTROLLER_MANAGED_SECRETS: 'true', ...env },
				...image,
			),
		tenant: (options = {}) => makeTenant(cluster, bao, options),
		remove: async () => {
			await removeManagedSecrets(cluster);
			await fixture.remove();
		},
	};
}

async function makeTenant(
	cluster: Cluster,
	bao: VaultApi & VaultAccess,
	{ optIn = true, policy }: { readonly optIn?: boolean; readonly policy?: string },
): Promise<Tenant> {
	const namespace = await cluster.createNamespace();
	await cluster.createServiceAccount(namespace, 'web');
	await writePolicy(bao, namespace, policy ?? (await policyOf(namespace)));
	await writeRole(bao, 'kubernetes', `${namespace}_web`, {
		bound_service_account_names: 'web',
		bound_service_account_namespaces: namespace,
		audience: 'vault',
		token_policies: [namespace],
		token_ttl: 300,
	});
	const secretPath = (name: string): string => `/api/v1/namespaces/${namespace}/secrets/${name}`;
	const get = async (name: string): Promise<ManagedSecretObject> => {
		const path = `${collection(namespace)}/${name}`;
		return expectStatus(await cluster.request<ManagedSecretObject>('GET', path), 200, 'reading it');
	};
	const secret = async (name: string): Promise<V1Secret | undefined> => {
		const answer = await cluster.request<V1Secret>('GET', secretPath(name));
		return answer.status === 404 ? undefined : expectStatus(answer, 200, 'reading the Secret');
	};
	const condition = (name: string, type: string, reason: string): Promise<Condition> =>
		until(`${type} ${reason}`, async () => {
			const { metadata, status } = await get(name);
			const found = status?.conditions?.find((one) => one.type === type);
			if (found?.reason === reason && found.observedGeneration === metadata.generation) return found;
			throw new Error(JSON.stringify(status ?? 'no status'));
		});
	const tenant: Tenant = {
		namespace,
		put: (key, value, folder = `deployments/${namespace}/secrets`) =>
			putSecret(bao, `${folder}/${key}`, `${CANARY}${value}`),
		create: async (name, spec) => {
			const body = {
				...{ apiVersion: 'envtier.dev/v1alpha1', kind: 'ManagedSecret', metadata: { name } },
				spec: { deployment: namespace, serviceAccountName: 'web', sync: true, ...spec },
			};
			const made = await cluster.request<ManagedSecretObject>('POST', collection(namespace), body);
			return expectStatus(made, 201, 'creating a ManagedSecret');
		},
		get,
		patch: async (name, body) => {
			const path = `${collection(namespace)}/${name}`;
			return expectStatus(
				await cluster.request<ManagedSecretObject>('PATCH', path, body, MERGE),
				200,
				'changing a ManagedSecret',
			);
		},
		remove: async (name) => {
			expectStatus(await cluster.request('DELETE', `${collection(namespace)}/${name}`), 200, 'deleting it');
		},
		secret,
		values: async (name) => {
			const { data } = (await secret(name)) ?? {};
			if (data === undefined) return undefined;
			return Object.fromEntries(
				Object.entries(data).map(([key, value]) => [
					key,
					Buffer.from(value, 'base64').toString().replace(CANARY, ''),
				]),
			);
		},
		patchSecret: async (name, body) => {
			const path = `${secretPath(name)}?fieldManager=somebody-else`;
			expectStatus(await cluster.request('PATCH', path, body, MERGE), 200, 'changing a Secret');
		},
		condition,
		synced: async (name) => {
			await condition(name, 'Synced', 'Synced');
			return await get(name);
		},
		optIn: async (...accounts) => {
			for (const object of await optInObjects(namespace, accounts)) await createObject(cluster, object);
		},
	};
	if (optIn) await tenant.optIn('web');
	return tenant;
}

/** The policies that ship, for a deployment, its service api, and the organization of the same name. */
async function policyOf(deployment: string): Promise<string> {
	const dir = join(import.meta.dirname, '../../../../deploy/vault/policies');
	const read = async (file: string): Promise<string> =>
		(await readFile(join(dir, file), 'utf8'))
			.replaceAll('@DEPLOYMENT@', deployment)
			.replaceAll('@SERVICE@', 'api')
			.replaceAll('@ORG@', deployment)
			.replaceAll('@DATA@', 'secret/data')
			.replaceAll('@METADATA@', 'secret/metadata');
	return (await Promise.all(['deployment.hcl', 'service.hcl', 'org.hcl', 'session.hcl'].map(read))).join(
		'\n',
	);
}

/** Deletes all ManagedSecrets: each test file has an OpenBao of its own. */
async function removeManagedSecrets(cluster: Cluster): Promise<void> {
	const { body } = await cluster.request<{ items: readonly ManagedSecretObject[] }>(
		'GET',
		'/apis/envtier.dev/v1alpha1/managedsecrets',
	);
	for (const { metadata } of body.items)
		await cluster.request('DELETE', `${collection(metadata.namespace)}/${metadata.name}`);
}
