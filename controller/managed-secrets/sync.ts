import type { Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { checkKeys, checkValues } from './check-type.ts';
import { labelOf, needsLabel, organizationOf } from './organization.ts';
import { failed, type Outcome, type SyncFailure } from './outcome.ts';
import type { ManagedSecret, ManagedSecretSpec } from './resource.ts';
import { secretStep } from './secret.ts';
import type { SecretStore } from './secret-store.ts';
import type { ManagedSecretSettings } from './settings.ts';
import { requestToken } from './tokens.ts';
import type { ReadRequest, VaultReader } from './vault-reader.ts';

/** What a look at a ManagedSecret runs on. */
export interface SyncParts {
	readonly client: KubernetesClient;
	readonly reader: VaultReader;
	readonly store: SecretStore;
	readonly settings: ManagedSecretSettings;
}

/**
 * Brings one Secret up to date. Each step may be the last one: everything that is written is written in one
 * request, so the next look begins anew and comes to the same end.
 */
export async function syncSecret(item: ManagedSecret, parts: SyncParts): Promise<Outcome> {
	if (!item.spec.ok) return failed('InvalidSpec', item.spec.error);
	const spec = item.spec.value;
	const request = await requestOf(item, spec, parts);
	if (!request.ok) return { kind: 'failed', ...request.error };
	return spec.sync
		? await write(item, spec, request.value, parts)
		: await preview(spec, request.value, parts.reader);
}

/** Who reads what: the organization, the role, and a token of the account. */
async function requestOf(
	{ namespace }: ManagedSecret,
	spec: ManagedSecretSpec,
	{ client, settings }: SyncParts,
): Promise<Result<ReadRequest, SyncFailure>> {
	const { org: own, deployment, service, serviceAccountName: account, selection } = spec;
	const label = needsLabel(own, settings.organization)
		? await labelOf(client, namespace, account)
		: ({ ok: true, value: undefined } as const);
	if (!label.ok) return label;
	const org = organizationOf(own, label.value, settings.organization);
	if (!org.ok) return org;
	const token = await requestToken(client, settings.audience, namespace, account);
	if (!token.ok) return token;
	const role =
		spec.role ?? settings.role.replaceAll('{namespace}', namespace).replaceAll('{serviceAccount}', account);
	const tierNames = {
		deployment,
		...(org.value === undefined ? {} : { org: org.value }),
		...(service === undefined ? {} : { service }),
	};
	return { ok: true, value: { jwt: token.value, role, tierNames, selection } };
}

async function preview(spec: ManagedSecretSpec, request: ReadRequest, reader: VaultReader): Promise<Outcome> {
	const names = await reader.names(request);
	if (!names.ok) return { kind: 'failed', ...names.error };
	const fits = checkKeys(spec.target.type, names.value);
	return fits.ok ? { kind: 'off', keys: names.value } : { kind: 'failed', ...fits.error };
}

async function write(
	item: ManagedSecret,
	spec: ManagedSecretSpec,
	request: ReadRequest,
	{ reader, store }: SyncParts,
): Promise<Outcome> {
	const read = await reader.values(request);
	if (!read.ok) return { kind: 'failed', ...read.error };
	const values = read.value;
	const keys = [...values.keys()];
	const fits = checkKeys(spec.target.type, keys);
	const good = fits.ok ? checkValues(spec.target.type, values) : fits;
	if (!good.ok) return { kind: 'failed', ...good.error };
	const { namespace } = item;
	const live = await store.get(namespace, spec.target.name);
	if (!live.ok) return { kind: 'failed', ...live.error };
	const step = secretStep(live.value, {
		...{ owner: item, target: spec.target, deletionPolicy: spec.deletionPolicy, values },
	});
	if (step.kind === 'failed') return step;
	const { adopted } = step;
	if (step.kind === 'unchanged')
		return { kind: 'synced', change: 'unchanged', version: step.version, keys, adopted };
	const written = await store.apply(namespace, spec.target.name, step, values);
	if (!written.ok) return { kind: 'failed', ...written.error };
	return {
		...{ kind: 'synced', version: written.value, keys, adopted },
		change: step.kind === 'create' ? 'created' : 'updated',
	};
}
