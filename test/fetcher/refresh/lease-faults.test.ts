import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import { canConnect, mountDatabase, rolesOf } from '../support/leases.ts';
import { LEASE_FAULTS } from './faults/leases.ts';
import { makeLeasedWorld } from './support/leased-world.ts';
import { type Ground, startGround } from './support/world.ts';

const WARN = 40;
/** A third user must wait for a minute after the first one. */
const LIMIT = { timeoutMs: 150_000 };

let ground: Ground;
beforeAll(async () => {
	ground = await startGround();
}, 900_000);
afterAll(() => ground?.[Symbol.asyncDispose]());

test.concurrent.each(LEASE_FAULTS)(
	'$what: the files stay or get another user, it says so once, and in the end one user works',
	async ({ reason, bring, seconds }) => {
		// A server of its own: it may be killed.
		await using database = await startPostgres({ log: true });
		const mount = `database-${database.port}`;
		await mountDatabase(ground.vault, database, mount);
		const leased = await makeLeasedWorld(ground, database, {
			...{ ttl: '6s', max: '24h', mount },
			...(seconds === undefined ? {} : { seconds }),
		});
		const { world, env } = leased;
		await using _ = world;
		await world.fetch(env);
		const first = world.files();
		await world.start({ env });
		await until('a renewal', () => world.logged('lease renewed')[0]);
		const warnings = () => world.logged('of lease DB failed');
		const heal = await bring(leased, database);
		if (reason !== undefined) {
			const warning = await until('the warning', () => warnings()[0], LIMIT);
			expect({ ...warning }).toMatchObject({ level: WARN, reason });
			expect(world.files()).toEqual(first);
		}
		await heal();
		if (reason !== undefined)
			await until('the end of it in the log', () => world.logged('lease is current again')[0], LIMIT);
		const settled = async (): Promise<boolean> => {
			const { DB_USERNAME: user, DATABASE_URL: url = '' } = world.files();
			// Vault answers before it has removed the user whose lease ended.
			if (reason === undefined && user === first['DB_USERNAME']) return false;
			const [only, ...others] = await rolesOf(database);
			return only === user && others.length === 0 && (await canConnect(url));
		};
		await until('one user, which is that of the files and works', settled, LIMIT);
		expect(warnings().filter(({ level }) => level === WARN)).toHaveLength(reason === undefined ? 0 : 1);
	},
	300_000,
);

test('the table in docs/refreshing.md says what these tests show', () => {
	const file = join(import.meta.dirname, '../../../docs/refreshing.md');
	const begin =
		'<!-- faults of a lease: written by UPDATE=1 vitest run test/fetcher/refresh/lease-faults -->';
	const end = '<!-- end of the faults of a lease -->';
	const [before = '', rest = ''] = readFileSync(file, 'utf8').split(begin);
	const [told = '', after = ''] = rest.split(end);
	const rows = LEASE_FAULTS.map(
		({ what, pod, reason }) =>
			`| ${what} | ${pod} | ${reason === undefined ? '`lease is replaced: Vault refused to renew it`' : `a warning, once: \`${reason}\``} |`,
	);
	const table = ['| what happens | the pod sees | the log says |', '| --- | --- | --- |', ...rows].join('\n');
	const narrow = (wide: string): string => wide.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
	if (process.env['UPDATE'] === '1')
		writeFileSync(file, [before, begin, `\n\n${table}\n\n`, end, after].join(''));
	else expect(narrow(told)).toBe(narrow(`\n\n${table}\n\n`));
});
