/** The contract of the audit store. The same tests run on SQLite and on a real PostgreSQL. */
import { stat } from 'node:fs/promises';
import fc from 'fast-check';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StampedLine } from '../../../api/audit/lines.ts';
import { openPostgres } from '../../../api/audit/store/postgres.ts';
import { createMaintenance, createSqlStore } from '../../../api/audit/store/sql-store.ts';
import { openSqlite } from '../../../api/audit/store/sqlite.ts';
import type { AuditPosition, AuditQuery, AuditStore } from '../../../api/audit/store/store.ts';
import { scratch } from '../../support/scratch.ts';
import { AUDIT_DATABASES, type AuditDatabaseUnderTest, settingsOf, startAuditPostgres } from './databases.ts';

const START = Date.parse('2026-05-04T10:00:00.000Z');
let count = 0;
/** A line with fields of its own; `ms` after the start of the test's time. */
function line(ms: number, fields: Partial<StampedLine> = {}): StampedLine {
	count += 1;
	const common = {
		time: new Date(START + ms).toISOString(),
		...{ actor: 'user:alice', via: 'session', action: 'secrets.update', eventId: `event-${count}` },
		...{ scope: 'deployments/shop/secrets', key: 'A', requestId: 'r', ip: '192.0.2.1' },
		...{ replica: 'pod/1', sequence: count },
	} as const;
	return { phase: 'result', result: 'done', status: 200, ...common, ...fields } as StampedLine;
}
const ALL = { since: new Date(START - 86_400_000), until: new Date(START + 86_400_000), limit: 1000 };
const keysOf = async (store: AuditStore, query: Partial<AuditQuery> = {}): Promise<readonly string[]> =>
	(await store.page({ ...ALL, ...query })).entries.map(({ key }) => key);

describe.each(Object.entries(AUDIT_DATABASES))('on %s', (_name, start) => {
	let database: AuditDatabaseUnderTest;
	let store: AuditStore;
	beforeAll(async () => {
		database = await start();
		store = await database.open();
	});
	afterAll(async () => {
		await store?.close();
		await database?.[Symbol.asyncDispose]();
	});
	beforeEach(async () => {
		const owner = database.maintain();
		await owner.purge(new Date(START + 10 * 86_400_000));
		await owner.close();
	});

	test('an entry comes back as it was stored, with every field', async () => {
		const full = line(1, {
			...{ email: 'alice@example.com', org: 'acme', secretType: 'password' },
			...{ elevation: 'e1', reason: 'incident 12; "quoted"\n-- drop table audit_entries' },
		});
		const intent = { ...line(0), phase: 'intent' } as Record<string, unknown>;
		delete intent['result'];
		delete intent['status'];
		expect(await store.insert([intent as unknown as StampedLine, full])).toBe(2);
		expect((await store.page(ALL)).entries).toEqual([intent, full]);
	});

	test('a line that is there stays as it is, whatever comes under its number', async () => {
		const first = line(0, { key: 'FIRST' });
		expect(await store.insert([first])).toBe(1);
		expect(await store.insert([{ ...first, key: 'FORGED' }, line(1, { key: 'NEXT' })], 'user:eve')).toBe(1);
		const { entries } = await store.page(ALL);
		expect(entries.map(({ key, loadedBy }) => [key, loadedBy])).toEqual([
			['FIRST', undefined],
			['NEXT', 'user:eve'],
		]);
	});

	test('the order is time, replica, sequence, whatever the order of arrival', async () => {
		const places = fc.array(
			fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('a/1', 'B/2', 'ä/3', 'b/0')),
			{ minLength: 1, maxLength: 40 },
		);
		await fc.assert(
			fc.asyncProperty(places, fc.integer({ min: 1, max: 7 }), async (all, limit) => {
				const owner = database.maintain();
				await owner.purge(new Date(START + 86_400_000));
				await owner.close();
				const lines = all.map(([ms, replica]) => line(ms, { replica }));
				await store.insert(lines);
				const seen: string[] = [];
				let after: AuditPosition | undefined;
				do {
					const page = await store.page({ ...ALL, limit, after });
					expect(page.entries.length).toBeLessThanOrEqual(limit);
					seen.push(...page.entries.map(({ eventId }) => eventId));
					after = page.next;
				} while (after !== undefined);
				const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
				const expected = [...lines].sort(
					(a, b) => byBytes(a.time, b.time) || byBytes(a.replica, b.replica) || a.sequence - b.sequence,
				);
				expect(seen).toEqual(expected.map(({ eventId }) => eventId));
			}),
			{ numRuns: 15 },
		);
	});

	test('each filter narrows the others, and none is a pattern or SQL', async () => {
		await store.insert([
			line(0, { key: 'SHOP' }),
			line(1, { key: 'SERVICE', scope: 'deployments/shop/services/web/secrets' }),
			line(2, { key: 'OTHER', scope: 'deployments/shop-2/secrets', org: 'acme' }),
			line(3, { key: 'ORG', scope: 'orgs/acme/secrets', org: 'globex' }),
			line(4, { key: 'BOB', actor: 'user:bob', action: 'secrets.delete' }),
		]);
		expect(await keysOf(store, { deployment: 'shop' })).toEqual(['SHOP', 'SERVICE', 'BOB']);
		expect(await keysOf(store, { deployment: 'shop', actor: 'user:bob' })).toEqual(['BOB']);
		expect(await keysOf(store, { action: 'secrets.delete' })).toEqual(['BOB']);
		// The scope's organization wins over the actor's.
		expect(await keysOf(store, { org: 'acme' })).toEqual(['OTHER', 'ORG']);
		expect(await keysOf(store, { since: new Date(START + 1), until: new Date(START + 3) })).toEqual([
			'SERVICE',
			'OTHER',
		]);
		for (const evil of ["shop' or '1'='1", '%', 'shop%', 'shop"; drop table audit_entries; --', 'sho\0p'])
			expect(await keysOf(store, { deployment: evil }).catch(() => [])).toEqual([]);
		expect(await keysOf(store)).toHaveLength(5);
	});

	test('texts that a database cannot store are stored without those characters', async () => {
		await store.insert([line(0, { key: 'A\0B', reason: '\ud800x', ip: 'y'.repeat(5000) })]);
		const [entry] = (await store.page(ALL)).entries;
		expect(entry).toMatchObject({ key: 'A\ufffdB', reason: '\ufffdx', ip: 'y'.repeat(1024) });
	});

	test('e-mail addresses are erased by themselves: the entries stay', async () => {
		const of = (actor: string) => ({ actor, email: `${actor.slice(5)}@example.com` });
		await store.insert([line(0, of('user:alice')), line(1, of('user:bob')), line(2, of('user:alice'))]);
		const owner = database.maintain();
		expect(await owner.eraseEmails('user:alice')).toBe(1);
		await owner.close();
		expect((await store.page(ALL)).entries.map(({ actor, email }) => [actor, email])).toEqual([
			['user:alice', undefined],
			['user:bob', 'bob@example.com'],
			['user:alice', undefined],
		]);
	});

	test('a purge removes what is older, and addresses that no entry names', async () => {
		await store.insert([line(0, { key: 'OLD', email: 'old@example.com' }), line(5_000, { key: 'NEW' })]);
		const owner = database.maintain();
		expect(await owner.purge(new Date(START + 5_000))).toBe(1);
		expect(await owner.eraseEmails('user:alice')).toBe(0);
		await owner.close();
		expect(await keysOf(store)).toEqual(['NEW']);
	});

	test('writers at the same time lose nothing', async () => {
		const others = await database.open();
		const batches = Array.from({ length: 20 }, (_, batch) =>
			Array.from({ length: 25 }, () => line(batch, { replica: `pod/${batch}` })),
		);
		await Promise.all(batches.map((batch, i) => (i % 2 === 0 ? store : others).insert(batch)));
		await others.close();
		expect(await keysOf(store)).toHaveLength(500);
	});

	test('a second migration changes nothing', async () => {
		await store.insert([line(0)]);
		const owner = database.maintain();
		await owner.migrate(database.postgres === undefined ? undefined : 'envtier_api');
		await owner.close();
		await store.check();
		expect(await keysOf(store)).toHaveLength(1);
	});
});

test('the SQLite file is for its owner alone', async () => {
	await using place = await scratch('audit-mode');
	const file = `${place.dir}/audit.db`;
	const opened = openSqlite(file);
	await opened.write.schema.createTable('t').addColumn('a', 'text').execute();
	for (const name of [file, `${file}-wal`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
	await opened.close();
});

test('on a full disk an insert is refused whole, and works again when there is room', async () => {
	await using place = await scratch('audit-full');
	const file = `${place.dir}/audit.db`;
	const unbounded = openSqlite(file);
	await createMaintenance(unbounded).migrate(undefined);
	await unbounded.close();
	const small = createSqlStore(openSqlite(file, 60));
	const batch = () => Array.from({ length: 50 }, (_, i) => line(i, { reason: 'x'.repeat(900) }));
	let stored = 0;
	let refused: unknown;
	while (refused === undefined && stored < 10_000)
		await small.insert(batch()).then(
			(inserted) => {
				stored += inserted;
			},
			(thrown: unknown) => {
				refused = thrown;
			},
		);
	// SQLITE_FULL: not the fault of the lines, so they are sent again.
	expect(refused).toMatchObject({ name: 'SqliteError', code: 13 });
	expect(await keysOf(small)).toHaveLength(stored);
	await small.close();
	const roomy = createSqlStore(openSqlite(file));
	expect(await roomy.insert(batch())).toBe(50);
	await roomy.close();
});

describe('on PostgreSQL', () => {
	let database: AuditDatabaseUnderTest;
	beforeAll(async () => {
		database = await startAuditPostgres();
	});
	afterAll(() => database?.[Symbol.asyncDispose]());

	test('the role of the run time changes and deletes nothing', async () => {
		const store = await database.open();
		await store.insert([line(0)]);
		await store.close();
		const client = new pg.Client({ connectionString: database.address });
		await client.connect();
		for (const statement of [
			'update audit_entries set actor = $$user:eve$$',
			'delete from audit_entries',
			'truncate audit_entries',
			'delete from audit_emails',
			'drop table audit_entries',
			'alter table audit_entries add column x int',
		])
			await expect(client.query(statement), statement).rejects.toThrow(/permission denied|must be owner/);
		const { rows } = await client.query('show statement_timeout');
		expect(rows).toHaveLength(1);
		await client.end();
	});

	test('a statement is ended after its time', async () => {
		const settings = settingsOf(database.address);
		if (settings.kind !== 'postgres') throw new Error('not PostgreSQL');
		const opened = openPostgres(settings.postgres, 200);
		await expect(sql`select pg_sleep(30)`.execute(opened.read)).rejects.toThrow('statement timeout');
		await opened.close();
	});
});
