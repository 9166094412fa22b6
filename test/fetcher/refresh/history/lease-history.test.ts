import { renameSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../../support/openbao-setup.ts';
import { type Postgres, startPostgres } from '../../../support/postgres.ts';
import { until } from '../../../support/until.ts';
import { canConnect, mountDatabase } from '../../support/leases.ts';
import { type LeasedWorld, makeLeasedWorld } from '../support/leased-world.ts';
import { type Ground, SOME_CHECKS, startGround, type World } from '../support/world.ts';
import { auditedChanges, makeChanger } from './changes.ts';
import { type ChangeRecord, type Sample, violationsOf } from './checker.ts';
import { startClients } from './clients.ts';
import { causeFaults } from './faults.ts';
import { type LeaseHistory, leaseViolationsOf } from './lease-checker.ts';
import { auditedLeases, loggedRoles } from './lease-records.ts';
import { randomFrom } from './random.ts';
import { startReader } from './reader.ts';

/**
 * With `ENVTIER_TEST_LEASE_MINUTES=15` the times to live are a minute and three minutes; unset, shorter ones
 * show the same in less than two minutes.
 */
const MINUTES = Number(process.env['ENVTIER_TEST_LEASE_MINUTES'] ?? 0);
const SECONDS = MINUTES > 0 ? MINUTES * 60 : 110;
const LIFE = MINUTES > 0 ? { ttl: 60, max: 180 } : { ttl: 24, max: 60 };
/** Time until the files show a change, and for one check, on a busy machine. */
const BOUND = 30_000;
const CHECK = 5_000;
/** Ms between two looks of the reader. */
const PAUSE = 2;
/** In ms. A longer one could take from a connection the time that it needs to end before its user. */
const LONGEST_FAULT = 2_000;

let ground: Ground;
let database: Postgres;
let audit: string;
beforeAll(async () => {
	[ground, database] = await Promise.all([startGround(), startPostgres({ log: 'entries' })]);
	const { vault } = ground;
	audit = `${vault.dir}/audit.log`;
	const options = { file_path: audit, log_raw: 'true' };
	await must(vault, 'PUT', 'sys/audit/file', { body: { type: 'file', options } });
	await mountDatabase(vault, database);
}, 900_000);
afterAll(async () => {
	await ground?.[Symbol.asyncDispose]();
	await database?.[Symbol.asyncDispose]();
});

/** The pod’s token, new every two minutes, as the kubelet writes it. */
function keepToken({ pod, vault }: World): Disposable {
	const timer = setInterval(() => {
		writeFileSync(`${pod.tokenFile}.new`, vault.jwt(), { mode: 0o600 });
		renameSync(`${pod.tokenFile}.new`, pod.tokenFile);
	}, 120_000);
	return { [Symbol.dispose]: () => clearInterval(timer) };
}

const LEASED = ['DB_USERNAME', 'DB_PASSWORD', 'DATABASE_URL'];

/** The keys of the tiers, or those of the lease. */
function only<T extends Readonly<Record<string, string>>>(which: 'tiers' | 'lease', secrets: T) {
	const entries = Object.entries(secrets).filter(([key]) => LEASED.includes(key) === (which === 'lease'));
	return Object.fromEntries(entries.map(([key, value]) => [key, value.replace('only-in-vault-4711 ', '')]));
}

const onlyIn = (which: 'tiers' | 'lease', samples: readonly Sample[]): readonly Sample[] =>
	samples.map((sample) => ({
		...sample,
		files: Object.fromEntries(
			Object.entries(sample.files).map(([file, secrets]) => [file, only(which, secrets)]),
		),
	}));

const sorted = (secrets: Readonly<Record<string, string>>): string =>
	JSON.stringify(Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What the three witnesses say of the leases of a world. */
async function leaseHistory(
	{ world: { name }, databaseRole }: Pick<LeasedWorld, 'world' | 'databaseRole'>,
	samples: readonly Sample[],
): Promise<LeaseHistory> {
	return {
		samples: onlyIn('lease', samples),
		...(await auditedLeases(audit, name)),
		...loggedRoles(await database.entries(), databaseRole),
		bound: BOUND,
	};
}

test.concurrent.each([1, Date.now() % 1_000_000])(
	`${SECONDS} s of random changes and faults, seed %i: reader, Vault's audit log and PostgreSQL's log agree`,
	async (seed) => {
		const random = randomFrom(seed);
		const { world, databaseRole, env } = await makeLeasedWorld(ground, database, {
			...{ ttl: `${LIFE.ttl}s`, max: `${LIFE.max}s` },
		});
		await using _ = world;
		using _token = keepToken(world);
		await world.fetch(env);
		let sidecar = await world.start({ env });
		const restart = async (): Promise<void> => {
			sidecar.signal('SIGKILL');
			await sidecar.exited;
			sidecar = await world.start({ env });
		};
		const url = (): string => world.files()['DATABASE_URL'] ?? '';
		const reader = startReader(world.pod.out, PAUSE);
		const clients = startClients(url, MINUTES > 0 ? 1_000 : 100, (LIFE.ttl * 1_000) / 8);
		const changer = makeChanger(world, random);
		const end = Date.now() + SECONDS * 1_000;
		const changing = (async () => {
			for (; Date.now() < end; await sleep(1_000 + random() * 6_000)) await changer.change();
		})();
		const outages = await causeFaults(world, {
			...{ end, random, restart, longest: LONGEST_FAULT },
			pause: [3_000, 12_000],
		});
		await changing;
		const last = sorted(changer.states.at(-1) ?? {});
		await until('the last change', () => sorted(only('tiers', world.files())) === last, SOME_CHECKS);
		const { connections, problems } = await clients.stop();
		expect(problems).toEqual([]);

		const good = await reader.stop();
		// PostgreSQL writes its log with a delay.
		const history = await until('the log of all sessions', async () => {
			const found = await leaseHistory({ world, databaseRole }, good.samples);
			return found.sessions.length === connections ? found : undefined;
		});
		expect(leaseViolationsOf(history)).toEqual([]);
		const audited = (await auditedChanges(audit, world.name)).slice(-(changer.states.length - 1));
		const changes: readonly ChangeRecord[] = changer.states.map((secrets, i) =>
			i === 0
				? { from: 0, to: good.samples[0]?.from ?? 0, secrets }
				: { ...(audited[i - 1] ?? { from: 0, to: 0 }), secrets },
		);
		const samples = onlyIn('tiers', good.samples);
		expect(violationsOf({ changes, samples, outages, bound: BOUND, check: CHECK })).toEqual([]);
		// The run was one, and the logs are those of its users.
		expect(good.looks).toBeGreaterThan(1_000);
		expect(history.issues.length).toBeGreaterThanOrEqual(Math.floor(SECONDS / LIFE.max) + 1);
		expect(history.dropped.length).toBeGreaterThan(0);

		// What the rules look for is seen in real logs: somebody ends the user that the files hold.
		const again = startReader(world.pod.out);
		const unusable = url();
		await must(ground.vault, 'POST', `sys/leases/revoke-prefix/database/creds/${databaseRole}`, { body: {} });
		await until('the end of the user', async () => !(await canConnect(unusable)));
		const { samples: seen } = await again.stop();
		await until('the violations', async () => {
			const rules = leaseViolationsOf(await leaseHistory({ world, databaseRole }, seen)).map(
				({ rule }) => rule,
			);
			return rules.includes('refused-connection') && rules.includes('file-after-end');
		});
		process.stdout.write(
			`lease history, seed ${seed}: ${SECONDS} s, ${good.looks} looks, ${connections} connections, ` +
				`${history.issues.length} users, ${changes.length} changes, ${outages.length} faults, no violation\n`,
		);
	},
	(SECONDS + 200) * 1_000,
);
