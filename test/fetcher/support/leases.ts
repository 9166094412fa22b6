import pg from 'pg';
import type { VaultApi } from '../../support/openbao.ts';
import { must, writePolicy } from '../../support/openbao-setup.ts';
import type { Postgres } from '../../support/postgres.ts';
import { makeAuthority } from '../../support/tls.ts';

/** What a role for leases must be granted beside the tiers. */
const SESSION = `
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
`;

/** Writes a policy for leases with these paths; without `renew` no lease can be renewed. */
export async function allowLeases(
	vault: VaultApi,
	name: string,
	paths: readonly string[],
	{ renew = true } = {},
): Promise<void> {
	const session = renew
		? SESSION
		: SESSION.replace('path "sys/leases/renew" { capabilities = ["update"] }', '');
	const rules = paths.map((path) => `path "${path}" { capabilities = ["read", "create", "update"] }`);
	await writePolicy(vault, name, session + rules.join('\n'));
}

/** The role that a pod of service account `shop/web` logs in with. */
export async function writeLeaseRole(
	vault: VaultApi,
	name: string,
	policies: readonly string[],
	more: Readonly<Record<string, unknown>> = { token_period: '10m' },
): Promise<void> {
	await must(vault, 'POST', `auth/jwt/role/${name}`, {
		body: {
			...{ role_type: 'jwt', user_claim: 'sub', bound_audiences: ['vault'], token_policies: policies },
			...{ bound_subject: 'system:serviceaccount:shop:web', token_no_default_policy: true, ...more },
		},
	});
}

/** Mounts the database engine for a PostgreSQL. */
export async function mountDatabase(
	vault: VaultApi,
	{ host, port, superuser }: Postgres,
	mount = 'database',
): Promise<void> {
	await must(vault, 'POST', `sys/mounts/${mount}`, { body: { type: 'database' } });
	await must(vault, 'POST', `${mount}/config/pg`, {
		body: {
			...{ plugin_name: 'postgresql-database-plugin', allowed_roles: ['*'] },
			connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/postgres?sslmode=disable`,
			...{ username: superuser.user, password: superuser.password },
		},
	});
}

/** The users of a role. */
export interface DatabaseUsers {
	readonly ttl: string;
	readonly max: string;
	/** It takes that long to issue one. */
	readonly seconds?: number;
	/** Where the engine is mounted, if not at `database`. */
	readonly mount?: string;
}

/** Writes a role of the database engine. */
export async function writeDatabaseRole(vault: VaultApi, name: string, life: DatabaseUsers): Promise<void> {
	await must(vault, 'POST', `${life.mount ?? 'database'}/roles/${name}`, {
		body: {
			db_name: 'pg',
			creation_statements: [
				`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
				...(life.seconds === undefined ? [] : [`SELECT pg_sleep(${life.seconds})`]),
			],
			...{ default_ttl: life.ttl, max_ttl: life.max },
		},
	});
}

/** Mounts the pki engine with a CA of its own, and a role `web` for names below shop.svc. */
export async function mountPki(vault: VaultApi): Promise<void> {
	await must(vault, 'POST', 'sys/mounts/pki', { body: { type: 'pki', config: { max_lease_ttl: '1h' } } });
	const { certPem, keyPem } = await makeAuthority('Envtier test CA');
	await must(vault, 'POST', 'pki/config/ca', { body: { pem_bundle: `${certPem}\n${keyPem}` } });
	await must(vault, 'POST', 'pki/roles/web', {
		body: {
			...{
				allowed_domains: ['shop.svc'],
				allow_subdomains: true,
				max_ttl: '30m',
				key_type: 'ec',
				key_bits: 256,
			},
			...{ not_before_duration: '30s', require_cn: true },
		},
	});
}

/** Names of the roles that Vault has created, sorted. */
export async function rolesOf(database: Postgres): Promise<readonly string[]> {
	const rows = await database.sql(`SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'v-%'`);
	return rows.map(({ rolname }) => String(rolname)).sort();
}

/** Mounts the ssh engine. Its one-time passwords have leases and several fields, as secrets of clouds do. */
export async function mountSsh(vault: VaultApi): Promise<void> {
	await must(vault, 'POST', 'sys/mounts/ssh', { body: { type: 'ssh' } });
	await must(vault, 'POST', 'ssh/roles/otp', {
		body: { key_type: 'otp', default_user: 'ubuntu', cidr_list: '10.0.0.0/8' },
	});
}

/** Whether a client can log in with this URL, and do one query. */
export async function canConnect(url: string): Promise<boolean> {
	const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
	try {
		await client.connect();
		await client.query('SELECT 1');
		return true;
	} catch {
		return false;
	} finally {
		await client.end().catch(() => undefined);
	}
}
