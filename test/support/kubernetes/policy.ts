import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubernetesObject, V1MutatingWebhookConfiguration } from '@kubernetes/client-node';
import jsonpatch, { type Operation } from 'fast-json-patch';
import { describe, inject, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { VariableName } from '../../../contract/variables.ts';
import { until } from '../until.ts';
import { type Cluster, expectStatus } from './cluster.ts';
import { createPod, injectedInto, podOf } from './pods.ts';
import { preparePrograms } from './programs.ts';
import { policyKubernetes } from './versions.ts';

const MANIFESTS = join(import.meta.dirname, '../../../deploy/manifests');
const GROUP = '/apis/admissionregistration.k8s.io/v1';
const SETTINGS = '/api/v1/namespaces/envtier-system/configmaps';

/** Settings that the policy reads, as a ConfigMap has them. */
export type PolicySettings = Readonly<Partial<Record<VariableName, string>>>;

const LEAST: PolicySettings = {
	ENVTIER_VAULT_ADDR: 'https://vault.vault.svc:8200',
	ENVTIER_FETCHER_IMAGE: 'registry.example.com/envtier/fetcher:1.0.0',
};

const programs = async () => preparePrograms(['etcd', 'kube-apiserver'], policyKubernetes());

/**
 * Gives a `describe` for tests that need an API server with mutating policies. Where this machine can't have
 * one, a skipped test bears
 * the reason in its name.
 */
export async function describeWithPolicies(): Promise<(name: string, body: () => void) => void> {
	const servers = inject('servers');
	const ready = servers.ok ? await programs() : servers;
	return (name, body) => {
		if (ready.ok) {
			describe(name, body);
			return;
		}
		describe.skip(name, () => test(`needs an API server with mutating policies: ${ready.error}`));
	};
}

/** The documents of a manifest that ships. */
async function manifest<T extends object>(path: string): Promise<readonly T[]> {
	return parseAllDocuments(await readFile(join(MANIFESTS, path), 'utf8')).map(
		(document) => document.toJS() as T,
	);
}

const COLLECTIONS: Readonly<Record<string, string>> = {
	MutatingAdmissionPolicy: 'mutatingadmissionpolicies',
	MutatingAdmissionPolicyBinding: 'mutatingadmissionpolicybindings',
	ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
	ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};

/** The path of a policy or a binding of the API. */
function policyPath({ kind = '', metadata }: KubernetesObject, withName = true): string {
	return `${GROUP}/${COLLECTIONS[kind]}${withName ? `/${metadata?.name}` : ''}`;
}

async function create(cluster: Cluster, object: KubernetesObject): Promise<void> {
	expectStatus(
		await cluster.request('POST', policyPath(object, false), object),
		201,
		`applying the ${object.kind}`,
	);
}

/** `envtier-require-injection` as the overlay has it, alone: with the refusals of pods that are not plain. */
async function requireInjection(alone: boolean): Promise<readonly KubernetesObject[]> {
	const objects = await manifest<KubernetesObject>('base/require-injection.yaml');
	if (!alone) return objects;
	const [operations = []] = await manifest<Operation[]>('components/policy-alone/refusals.yaml');
	return objects.map((object) =>
		object.kind === 'ValidatingAdmissionPolicy'
			? jsonpatch.applyPatch(object, operations, false, false).newDocument
			: object,
	);
}

/** The webhook configuration with the condition that leaves plain pods to the policy. */
export async function besideThePolicy(
	configuration: V1MutatingWebhookConfiguration,
): Promise<V1MutatingWebhookConfiguration> {
	const [operations = []] = await manifest<Operation[]>('components/policy/webhook-configuration.yaml');
	return jsonpatch.applyPatch(configuration, operations, false, false).newDocument;
}

/** Sets the settings that the policy reads; in force when this resolves. */
export async function setSettings(cluster: Cluster, settings: PolicySettings = {}): Promise<void> {
	await cluster.createNamespace({ name: 'envtier-system' });
	const data = { ...LEAST, ...settings, ENVTIER_POLICY_REVISION: crypto.randomUUID() };
	const object = { metadata: { name: 'envtier-settings', namespace: 'envtier-system' }, data };
	const made = await cluster.request('POST', SETTINGS, object);
	if (made.status === 409)
		expectStatus(
			await cluster.request('PUT', `${SETTINGS}/envtier-settings`, object),
			200,
			'changing the settings',
		);
	else expectStatus(made, 201, 'making the settings');
}

/** Applies the policies as they ship; in force when this resolves. */
export async function applyPolicies(
	cluster: Cluster,
	{ alone = true, settings = {} }: { readonly alone?: boolean; readonly settings?: PolicySettings } = {},
): Promise<void> {
	await setSettings(cluster, settings);
	for (const object of await requireInjection(alone)) await create(cluster, object);
	for (const object of await manifest<KubernetesObject>('components/policy/policy.yaml'))
		await create(cluster, object);
	await policiesInForce(cluster);
}

/** Resolves when plain pods are injected, and others refused where there is no webhook. */
export async function policiesInForce(cluster: Cluster): Promise<void> {
	const namespace = await cluster.createNamespace({ prefix: 'probe-' });
	const wrong = podOf({ envtier: { deployment: 'shop', tiers: 'org' } });
	await until('the policies to be in force', async () => {
		const plain = await createPod(
			cluster,
			namespace,
			podOf({ envtier: { deployment: 'shop' } }),
			'dryRun=All',
		);
		const refused = await createPod(cluster, namespace, wrong, 'dryRun=All');
		const bare = await createPod(cluster, namespace, podOf({ envtier: { sevrice: 'shop' } }), 'dryRun=All');
		return (
			plain.status === 201 &&
			injectedInto(plain.body).length === 1 &&
			refused.body.message?.includes('tier-without-name') === true &&
			bare.status !== 201
		);
	});
}
