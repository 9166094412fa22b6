import { must, writePolicy } from '../../../support/openbao-setup.ts';
import type { Postgres } from '../../../support/postgres.ts';
import { until } from '../../../support/until.ts';
import { allowLeases, writeDatabaseRole } from '../../support/leases.ts';
import type { LeasedWorld } from '../support/leased-world.ts';

/** Something that happens to a lease, and what comes of it. */
export interface LeaseFault {
	/** As the table in the documentation says it. */
	readonly what: string;
	readonly pod: string;
	/** The reason in the warning; undefined: there is none. */
	readonly reason: string | undefined;
	/** Breaks it, and gives what mends it. The sidecar runs, and renews its user every few seconds. */
	readonly bring: (leased: LeasedWorld, database: Postgres) => Promise<() => Promise<void>>;
	/** Seconds that PostgreSQL takes to create a user. */
	readonly seconds?: number;
}

const NOTHING = (): Promise<void> => Promise.resolve();

/** Ends the user that the files hold, so that the sidecar issues another one. */
async function endUser({ world: { vault }, path }: LeasedWorld): Promise<void> {
	await must(vault, 'POST', `sys/leases/revoke-prefix/${path}`, { body: {} });
}

export const LEASE_FAULTS: readonly LeaseFault[] = [
	{
		what: 'someone revokes the lease',
		pod: 'no user until the next renewal, then another one',
		reason: undefined,
		bring: async (leased) => {
			await endUser(leased);
			return NOTHING;
		},
	},
	{
		what: 'someone revokes the token of the lease, and with it the lease',
		pod: 'no user until the next renewal, then another one',
		reason: undefined,
		bring: async ({ world: { vault, state } }) => {
			const { DB } = state()['leases'] as { DB: { current: { token: { value: string } } } };
			await must(vault, 'POST', 'auth/token/revoke', { body: { token: DB.current.token.value } });
			return NOTHING;
		},
	},
	{
		what: 'the policy no longer allows the path or the renewal',
		pod: 'the user ends; another one within a minute after the policy is back',
		reason: 'read-refused',
		bring: async ({ world: { vault, name }, path }) => {
			await writePolicy(vault, `${name}-leases`, 'path "nowhere" { capabilities = ["read"] }');
			return () => allowLeases(vault, `${name}-leases`, [path]);
		},
	},
	{
		what: 'the role of the engine is deleted',
		pod: 'the user ends; another one within a minute after the role is back',
		reason: 'secret-unusable',
		bring: async ({ world: { vault }, databaseRole, users }) => {
			await must(vault, 'DELETE', `${users.mount}/roles/${databaseRole}`);
			return () => writeDatabaseRole(vault, databaseRole, users);
		},
	},
	{
		what: 'the database cannot be reached',
		pod: 'the user may end; another one within a minute after the database is back',
		reason: 'unreachable',
		bring: async (_, database) => {
			await database.kill();
			return database.start;
		},
	},
	{
		what: 'the connection breaks while a user is issued',
		pod: 'another user within a minute; nothing is left of the first attempt',
		reason: 'unreachable',
		seconds: 3,
		bring: async (leased, database) => {
			const { world, databaseRole } = leased;
			await endUser(leased);
			const creating = async () => {
				const rows = await database.sql(
					`SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`,
				);
				return rows.length > 0;
			};
			await until(`the creation of a user of ${databaseRole}`, creating);
			world.address.cut();
			return NOTHING;
		},
	},
];
