import { isKey } from '../../contract/keys.ts';
import { type Scope, type Tier, tierPath, VALUE_FIELD } from '../../contract/tiers.ts';
import type { Capability, Policy } from './acl.ts';
import { readDuration } from './fields.ts';
import type { Engine, Fields, Namespace, Role } from './house.ts';
import type { VaultFile } from './schema.ts';
import { addVersion, newSecret, type Secret } from './versions.ts';

/** The policy of a role that names none: reads what pods may receive, in every KV mount, and opens what is sealed. */
const READ_POLICY = 'envtier-read';

/** Makes the namespaces that a file describes, by path. */
export function seed(file: VaultFile, now: number): ReadonlyMap<string, Namespace> {
	return new Map(everySpace(file, '').map(([path, space]) => [path, seedSpace(space, path, now)]));
}

/** The secrets of a file that no pod will receive because of their key, as `path/KEY`. */
export function unusableKeys(file: VaultFile): readonly string[] {
	return everySpace(file, '').flatMap(([path, space]) =>
		secretsOf(space)
			.filter(({ key }) => !isKey(key))
			.map((secret) => `${path}${secret.folder}/${secret.key}`),
	);
}

function everySpace(file: VaultFile, path: string): [string, VaultFile][] {
	const inner = Object.entries(file.namespaces).flatMap(([name, space]) =>
		everySpace(space, `${path}${name}/`),
	);
	return [[path, file], ...inner];
}

function seedSpace(file: VaultFile, path: string, now: number): Namespace {
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
		role: roleFinder(file.roles),
	};
}

function engine(version: '1' | '2', secrets: readonly (readonly [string, Fields])[], now: number): Engine {
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

function folderOf(tier: Tier, scope: Scope): string {
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
	const opening = transit.map((mount): [string, Capability[]] => [`${mount}/decrypt/*`, ['update']]);
	return new Map([...rules, ...opening]);
}

function roleFinder(roles: VaultFile['roles']): Namespace['role'] {
	const anyone: Role = {
		...{ serviceAccounts: ['*'], namespaces: ['*'], audience: undefined },
		...{ policies: [READ_POLICY], ttlSeconds: 3600 },
	};
	if (roles === undefined) return () => anyone;
	const known = new Map(
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
	return (name) => known.get(name);
}
