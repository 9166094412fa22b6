import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { NATIVE_ENV_PATH } from '../../../../contract/formats.ts';
import type { OpenBao } from '../../../support/openbao.ts';
import { type Postgres, startPostgres } from '../../../support/postgres.ts';
import { type RunningProcess, runProcess } from '../../../support/process.ts';
import { type Backend, startReal, vaultEnv } from '../../support/backends.ts';
import { buildFetcher, makePod, runFetcher, startFetcher } from '../../support/fetcher.ts';
import {
	allowLeases,
	mountDatabase,
	rolesOf,
	writeDatabaseRole,
	writeLeaseRole,
} from '../../support/leases.ts';

/** The executable, an OpenBao with the database engine, and its PostgreSQL. */
export interface LeaseGround extends AsyncDisposable {
	readonly fetcher: string;
	readonly vault: Backend & OpenBao;
	readonly database: Postgres;
}

/** A life of a lease that no test waits for. */
export const LONG = { ttl: '1h', max: '24h' } as const;

/** Lets a sidecar replace the lease at its start, as near its maximum. */
export const REPLACE = { replace: true, due: 0 } as const;

/** Starts what all pods of a test file share, with the role `leased` for leases of the database engine. */
export async function startLeaseGround(): Promise<LeaseGround> {
	const [fetcher, vault, database] = await Promise.all([
		buildFetcher(),
		startReal(),
		startPostgres({ log: true }),
	]);
	await mountDatabase(vault, database);
	await allowLeases(vault, 'leases', ['database/creds/*']);
	await writeLeaseRole(vault, 'leased', ['web', 'leases']);
	return {
		...{ fetcher, vault, database },
		[Symbol.asyncDispose]: async () => {
			await vault[Symbol.asyncDispose]();
			await database[Symbol.asyncDispose]();
		},
	};
}

type Env = Readonly<Record<string, string | undefined>>;

/** What the private file says about the lease. */
interface SavedLease {
	readonly [field: string]: unknown;
	readonly discarded: readonly unknown[];
	readonly current?: { readonly leaseId: string };
}

/**
 * A pod whose application reads `DATABASE_URL` as a native variable, and restarts in place for a new user. It
 * has a role of the database engine for itself.
 *
 * @param role at most 8 characters, because Vault cuts it off in the names of users
 */
export async function makeLeasedPod(
	{ fetcher, vault, database }: LeaseGround,
	role: string,
	life: { readonly ttl: string; readonly max: string },
	more: Env = {},
) {
	await writeDatabaseRole(vault, role, life);
	const pod = await makePod(vault.jwt());
	const privateDir = join(pod.scratch.dir, 'private');
	mkdirSync(privateDir, { mode: 0o700 });
	const env: Env = {
		PATH: process.env['PATH'],
		...vaultEnv(vault),
		...{ ENVTIER_FORMAT: 'none', ENVTIER_ENV_KEYS: 'DATABASE_URL', ENVTIER_PRIVATE_DIR: privateDir },
		...{ ENVTIER_REFRESH: '10', ENVTIER_SPREAD: '10', ENVTIER_ON_CHANGE: 'restart' },
		...{ ENVTIER_VAULT_ROLE: 'leased', ENVTIER_LEASE_DB: `database/creds/${role}` },
		ENVTIER_COMPOSE_DATABASE_URL: `postgres://\${DB_USERNAME:url}:\${DB_PASSWORD:url}@${database.host}:${database.port}/postgres`,
		...more,
	};
	const created = new RegExp(`CREATE ROLE "v-[^"]*-${role}-`, 'g');
	const running: RunningProcess[] = [];
	const stateFile = join(privateDir, 'state.json');
	const state = () => JSON.parse(readFileSync(stateFile, 'utf8'));
	const variable = (name: string): string | undefined =>
		new RegExp(`^${name}='(.*)'$`, 'm').exec(readFileSync(join(pod.out, NATIVE_ENV_PATH), 'utf8'))?.[1];
	return {
		pod,
		state,
		variable,
		lease: (): SavedLease => state().leases.DB,
		url: (): string => variable('DATABASE_URL') ?? '',
		/** The user in the variable. */
		user: (): string => new URL(variable('DATABASE_URL') ?? '').username,
		/** Changes what the private file says about the lease, while no sidecar runs. */
		editLease: (change: Readonly<Record<string, unknown>>): void => {
			const before = state();
			const leases = { DB: { ...before.leases.DB, ...change } };
			writeFileSync(stateFile, JSON.stringify({ ...before, leases }));
		},
		/** How many users Vault has created for this pod. */
		created: (): number => database.output().match(created)?.length ?? 0,
		/** The users of this pod that the database has. */
		users: async () => (await rolesOf(database)).filter((user) => user.includes(`-${role}-`)),
		/** Runs the init container; gives its log. */
		init: async (): Promise<string> => {
			const run = await runFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'initial' });
			expect(run.code, run.stdout + run.stderr).toBe(0);
			return run.stdout;
		},
		start: async (launcher: readonly string[] = []): Promise<RunningProcess> => {
			const sidecar = await startFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'refresh' }, { launcher });
			running.push(sidecar);
			return sidecar;
		},
		/** The answer of the readiness probe. */
		isReady: async (): Promise<boolean> => {
			const probe = { command: fetcher, args: ['ready'], env: { ENVTIER_PRIVATE_DIR: privateDir } };
			return (await runProcess(probe)).code === 0;
		},
		[Symbol.asyncDispose]: async (): Promise<void> => {
			for (const process of running) await process.stop(0);
			await pod.scratch.remove();
		},
	};
}
