import { isKey } from '../../contract/keys.ts';
import { type Tier, type TierNames, tierPath, VALUE_FIELD } from '../../contract/tiers.ts';
import type { Capability, Policy } from './acl.ts';
import { readDuration } from './parameters.ts';
import type { VaultFile } from './schema.ts';
import type { SecretData } from './secret-data.ts';
import type { Engine, Namespace, Role } from './state.ts';
import { addVersion, newSecret, type Secret } from './versions.ts';

/** The default policy of a role: reads the tiers in every KV mount, and decrypts with every transit key. */
const READ_POLICY = 'envtier-read';

/** Returns the namespaces that a file describes, by path. */
export function seed(file: VaultFile, now: number): ReadonlyMap<string, Namespace> {
	return new Map(allNamespaces(file, '').map(([path, content]) => [path, seedNamespace(content, path, now)]));
}

/** Returns the secrets whose key is no valid variable name, as `path/KEY`. No pod receives them. */
export function unusableKeys(file: VaultFile): readonly string[] {
	return allNamespaces(file, '').flatMap(([path, content]) =>
		secretsOf(content)
			.filter(({ key }) => !isKey(key))
			.map((secret) => `${path}${secret.folder}/${secret.key}`),
	);
}

function allNamespaces(file: VaultFile, path: string): [string, VaultFile][] {
	const inner = Object.entries(file.namespaces).flatMap(([name, content]) =>
		allNamespaces(content, `${path}${name}/`),
	);
	return [[path, file], ...inner];
}

function seedNamespace(file: VaultFile, path: string, now: number): Namespace {
	const secrets = secretsOf(file).map(
		({ folder, key, value }) => [`${folder}/${key}`, { [VALUE_FIELD]: value }] as const,
	);
	const policies = Object.entries(file.policies).map(
		([name, rules]) => [name, new Map(Object.entries(rules))] as const,
	);
	return {
		path,
		engines: new Map(
			Object.entries(file.kv).map(([mount, version]) => [mount, engine(version, secrets, now)]),
		),
		transit: new Map(file.transit.map((mount) => [mount, new Map()])),
		auth: new Map(Object.entries(file.auth)),
		policies: new Map<string, Policy>([[READ_POLICY, readPolicy(file)], ...policies]),
		role: roleLookup(file.roles),
	};
}

function engine(
	version: '1' | '2',
	secrets: readonly (readonly [string, SecretData])[],
	now: number,
): Engine {
	if (version === '1') return { version: 1, secrets: new Map(secrets) };
	const versioned = secrets.map(([path, fields]): [string, Secret] => {
		const added = addVersion(newSecret(now), fields, undefined, now);
		return [path, added.ok ? added.value : newSecret(now)];
	});
	return { version: 2, secrets: new Map(versioned) };
}

interface SeedSecret {
	/** Without slashes at its ends. */
	readonly folder: string;
	readonly key: string;
	readonly value: string;
}

function secretsOf(file: VaultFile): SeedSecret[] {
	const { orgs, deployments, templates } = file;
	return [
		...Object.entries(orgs).flatMap(([org, secrets]) => inFolder(folderOf('org', { org }), secrets)),
		...Object.entries(deployments).flatMap(([deployment, { secrets, services }]) => [
			...inFolder(folderOf('deployment', { deployment }), secrets),
			...Object.entries(services).flatMap(([service, own]) =>
				inFolder(folderOf('service', { deployment, service }), own),
			),
		]),
		...Object.entries(templates).flatMap(([template, { secrets, services }]) => [
			...inFolder(`templates/${template}/secrets`, secrets),
			...Object.entries(services).flatMap(([service, own]) =>
				inFolder(`templates/${template}/services/${service}/secrets`, own),
			),
		]),
	];
}

function folderOf(tier: Tier, scope: TierNames): string {
	const folder = tierPath(tier, scope);
	if (folder === undefined) throw new TypeError(`the ${tier} tier lacks a name`);
	return folder;
}

function inFolder(folder: string, secrets: Readonly<Record<string, string>>): SeedSecret[] {
	return Object.entries(secrets).map(([key, value]) => ({ folder, key, value }));
}

function readPolicy({ kv, transit }: VaultFile): Policy {
	const rules = Object.entries(kv).flatMap(([mount, version]): [string, Capability[]][] =>
		['orgs', 'deployments'].flatMap((tree): [string, Capability[]][] =>
			version === '1'
				? [[`${mount}/${tree}/*`, ['read', 'list']]]
				: [
						[`${mount}/data/${tree}/*`, ['read']],
						[`${mount}/metadata/${tree}/*`, ['list']],
					],
		),
	);
	const decryptRules = transit.map((mount): [string, Capability[]] => [`${mount}/decrypt/*`, ['update']]);
	return new Map([...rules, ...decryptRules]);
}

function roleLookup(roles: VaultFile['roles']): Namespace['role'] {
	const anyServiceAccount: Role = {
		serviceAccounts: ['*'],
		namespaces: ['*'],
		audience: undefined,
		policies: [READ_POLICY],
		ttlSeconds: 3600,
	};
	if (roles === undefined) return () => anyServiceAccount;
	const byName = new Map(
		Object.entries(roles).map(([name, role]): [string, Role] => [
			name,
			{
				serviceAccounts: role.serviceAccounts,
				namespaces: role.namespaces,
				audience: role.audience,
				policies: role.policies ?? [READ_POLICY],
				ttlSeconds: readDuration(role.ttl) ?? 3600,
			},
		]),
	);
	return (name) => byName.get(name);
}
