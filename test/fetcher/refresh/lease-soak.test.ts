import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putSecret } from '../../support/openbao-setup.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import type { RunningProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { startReal, vaultEnv } from '../support/backends.ts';
import { buildFetcher, makePod, type Pod, runFetcher, startFetcher } from '../support/fetcher.ts';
import { allowLeases, mountDatabase, rolesOf, writeDatabaseRole, writeLeaseRole } from '../support/leases.ts';

/**
 * Minutes that the applications run. With `ENVTIER_TEST_LEASE_MINUTES=15` the times to live are a minute and
 * three minutes; unset, shorter ones show the same in two minutes.
 */
const LONG = Number(process.env['ENVTIER_TEST_LEASE_MINUTES'] ?? 0);
const MINUTES = LONG > 0 ? LONG : 2;
const LIFE = LONG > 0 ? { ttl: 60, max: 180 } : { ttl: 15, max: 60 };

let fetcher: string;
let vault: Awaited<ReturnType<typeof startReal>>;
let database: Postgres;
beforeAll(async () => {
	[fetcher, vault, database] = await Promise.all([buildFetcher(), startReal(), startPostgres({ log: true })]);
	await mountDatabase(vault, database);
	for (const role of ['kept', 'broken'])
		await writeDatabaseRole(vault, role, { ttl: `${LIFE.ttl}s`, max: `${LIFE.max}s` });
	await allowLeases(vault, 'leases', ['database/creds/kept']);
	await allowLeases(vault, 'unrenewed', ['database/creds/broken'], { renew: false });
	await writeLeaseRole(vault, 'leased', ['web', 'leases']);
	await writeLeaseRole(vault, 'unrenewed', ['web', 'unrenewed']);
	const host = `${database.host}:${database.port}`;
	await putSecret(vault, 'deployments/shop/services/web/secrets/DB_HOST', host);
}, 900_000);
afterAll(async () => {
	await vault[Symbol.asyncDispose]();
	await database[Symbol.asyncDispose]();
});

/** A pod whose init container has run and whose sidecar runs. */
async function startPod(role: string, path: string, onChange: string) {
	const pod: Pod = await makePod(vault.jwt());
	const privateDir = join(pod.scratch.dir, 'private');
	mkdirSync(privateDir, { mode: 0o700 });
	const env = {
		...vaultEnv(vault),
		...{ ENVTIER_FORMAT: 'json', ENVTIER_PRIVATE_DIR: privateDir, ENVTIER_REFRESH: '10' },
		...{ ENVTIER_VAULT_ROLE: role, ENVTIER_LEASE_DB: path, ENVTIER_ON_CHANGE: onChange },
		ENVTIER_COMPOSE_DATABASE_URL: `postgres://\${DB_USERNAME:url}:\${DB_PASSWORD:url}@\${DB_HOST}/postgres`,
	};
	const first = await runFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'initial' });
	expect(first.code, first.stdout).toBe(0);
	// As the kubelet does long before the token ends.
	const renewing = setInterval(() => {
		writeFileSync(`${pod.tokenFile}.new`, vault.jwt(), { mode: 0o600 });
		renameSync(`${pod.tokenFile}.new`, pod.tokenFile);
	}, 120_000);
	const sidecar: RunningProcess = await startFetcher(fetcher, pod, { ...env, ENVTIER_MODE: 'refresh' });
	const files = (): Readonly<Record<string, string>> =>
		JSON.parse(readFileSync(join(pod.out, 'env.json'), 'utf8'));
	return {
		sidecar,
		files,
		[Symbol.asyncDispose]: async () => {
			clearInterval(renewing);
			await sidecar.stop(0);
			await pod.scratch.remove();
		},
	};
}

/** What an application has seen. */
interface Seen {
	queries: number;
	readonly failures: string[];
}

async function count(seen: Seen, query: () => Promise<unknown>): Promise<void> {
	seen.queries += 1;
	await query().catch((thrown: unknown) => seen.failures.push(`${new Date().toISOString()} ${thrown}`));
}

/** Connects anew for each query, with what the file holds then. */
async function connectOnce(url: string): Promise<void> {
	const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
	await client.connect();
	try {
		await client.query('SELECT current_user');
	} finally {
		await client.end();
	}
}

/** An application with a pool, which opens another pool when the sidecar tells it of a change. */
async function pooledApplication() {
	let pool: pg.Pool | undefined;
	let current = (): string => '';
	let notified = 0;
	const open = (): pg.Pool => {
		const made = new pg.Pool({
			connectionString: current(),
			max: 3,
			maxLifetimeSeconds: LIFE.ttl / 4,
			connectionTimeoutMillis: 20_000,
		});
		// An idle connection may break, as in production; the query that uses it then fails and counts.
		made.on('error', () => undefined);
		return made;
	};
	const closing: Promise<void>[] = [];
	const server = createServer((request, response) => {
		request.resume();
		notified += 1;
		const old = pool;
		pool = open();
		if (old !== undefined) closing.push(old.end());
		response.end();
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		url: `http://localhost:${(server.address() as AddressInfo).port}/reload`,
		start: (url: () => string) => {
			current = url;
			pool = open();
		},
		query: () => pool?.query('SELECT current_user') ?? Promise.reject(new Error('no pool')),
		notified: () => notified,
		close: async () => {
			await pool?.end();
			await Promise.all(closing);
			await new Promise((resolve) => void server.close(resolve));
		},
	};
}

/** The times at which the roles with this beginning were created, in ms, from the log of PostgreSQL. */
function creations(beginning: string): readonly number[] {
	const line = new RegExp(`^(\\S+ \\S+ \\S+) .*CREATE ROLE "v-jwt-[^"]*-${beginning}`);
	return database
		.output()
		.split('\n')
		.flatMap((text) => {
			const at = line.exec(text)?.[1];
			return at === undefined ? [] : [Date.parse(at)];
		});
}

describe(`for ${MINUTES} minutes, with a TTL of ${LIFE.ttl} s and a maximum of ${LIFE.max} s`, () => {
	test(
		'no application fails, old roles vanish, and broken renewals issue at most two roles a minute',
		async () => {
			const pooled = await pooledApplication();
			const connecting: Seen = { queries: 0, failures: [] };
			const pooling: Seen = { queries: 0, failures: [] };
			await using kept = await startPod('leased', 'database/creds/kept', pooled.url);
			await using broken = await startPod('unrenewed', 'database/creds/broken', 'none');
			const first = kept.files()['DB_USERNAME'] ?? '';
			const url = (): string => kept.files()['DATABASE_URL'] ?? '';
			pooled.start(url);
			const end = Date.now() + MINUTES * 60_000;
			const seenRoles = new Set<string>();
			await Promise.all([
				(async () => {
					while (Date.now() < end) {
						await count(connecting, () => connectOnce(url()));
						seenRoles.add(kept.files()['DB_USERNAME'] ?? '');
						await sleep(1_000);
					}
				})(),
				(async () => {
					while (Date.now() < end) {
						await count(pooling, pooled.query);
						await sleep(100);
					}
				})(),
			]);
			expect([connecting.failures, pooling.failures]).toEqual([[], []]);
			expect(connecting.queries).toBeGreaterThan(MINUTES * 20);
			expect(pooling.queries).toBeGreaterThan(MINUTES * 100);
			// One from the init container, then one for each maximum at least.
			const roles = creations('kept');
			expect(roles.length).toBe(seenRoles.size);
			expect(roles.length).toBeGreaterThanOrEqual(Math.floor((MINUTES * 60) / LIFE.max));
			expect(pooled.notified()).toBe(roles.length - 1);
			expect(await rolesOf(database)).not.toContain(first);
			for (const times of [roles, creations('broken')])
				for (const [i, at] of times.entries())
					expect((times[i + 2] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThan(60_000);
			expect(creations('broken').length).toBeGreaterThan(1);
			expect(database.output()).not.toMatch(
				/password authentication failed|role "v-[^"]*-kept[^"]*" does not exist/,
			);
			await pooled.close();
			kept.sidecar.signal('SIGTERM');
			broken.sidecar.signal('SIGTERM');
			await Promise.all([kept.sidecar.exited, broken.sidecar.exited]);
			await until('the end of all roles', async () => (await rolesOf(database)).length === 0);
			process.stdout.write(
				`leases: ${MINUTES} min, ${connecting.queries} connections and ${pooling.queries} queries of a pool, 0 failed, ` +
					`${roles.length} roles; broken renewal: ${creations('broken').length} roles\n`,
			);
		},
		(MINUTES + 3) * 60_000,
	);
});
