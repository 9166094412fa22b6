import { writeRole } from '../../../support/openbao-setup.ts';
import type { Postgres } from '../../../support/postgres.ts';
import { allowLeases, type DatabaseUsers, writeDatabaseRole } from '../../support/leases.ts';
import { type Ground, makeWorld, type World } from './world.ts';

/** A world whose pod has a database user. */
export interface LeasedWorld {
	readonly world: World;
	/** The role in Vault’s database engine. The name of each user contains it. */
	readonly databaseRole: string;
	readonly users: DatabaseUsers;
	/** The path that issues a user. */
	readonly path: string;
	/** The variables of fetcher and sidecar for it. */
	readonly env: Readonly<Record<string, string>>;
}

/** Makes a world with a role of the database engine, which `mountDatabase` has mounted. */
export async function makeLeasedWorld(
	ground: Ground,
	database: Postgres,
	users: DatabaseUsers,
): Promise<LeasedWorld> {
	const { vault } = ground;
	const world = await makeWorld(ground, { details: true });
	const { name } = world;
	// The names of users have the first eight characters of the role.
	const databaseRole = name.slice('world-'.length);
	await writeDatabaseRole(vault, databaseRole, users);
	const path = `${users.mount ?? 'database'}/creds/${databaseRole}`;
	await allowLeases(vault, `${name}-leases`, [path]);
	await writeRole(vault, 'jwt', name, {
		...{ ...world.role, token_policies: [name, `${name}-leases`] },
		...{ token_ttl: '0', token_period: '10m', token_no_default_policy: true },
	});
	const url = `postgres://\${DB_USERNAME:url}:\${DB_PASSWORD:url}@${database.host}:${database.port}/postgres`;
	const env = { ENVTIER_LEASE_DB: path, ENVTIER_COMPOSE_DATABASE_URL: url };
	return { world, databaseRole, users, path, env };
}
