/** The contract of the audit store. The same tests run on SQLite and on a real PostgreSQL. */
import { stat } from 'node:fs/promises';
import fc from 'fast-check';
import { CompiledQuery, sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgres } from '../../../api/audit/store/postgres.ts';
import { createMaintenance, createSqlStore, pageQuery } from '../../../api/audit/store/sql-store.ts';
import { openSqlite } from '../../../api/audit/store/sqlite.ts';
import type { AuditPosition, AuditQuery, AuditStore } from '../../../api/audit/store/store.ts';
import { writersOf } from '../../../api/audit/writers.ts';
import type { StampedLine } from '../../../lib/audit/lines.ts';
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

/** How the database runs the query of a page. */
async function planOf({ address }: AuditDatabaseUnderTest, query: AuditQuery): Promise<string> {
	const settings = settingsOf(address);
	if (settings.kind === 'sqlite') {
		const { read, close } = openSqlite(settings.file);
		const compiled = pageQuery(read, query).compile();
		const explained = CompiledQuery.raw(`explain query plan ${compiled.sql}`, [...compiled.parameters]);
		const { rows } = await read.executeQuery<{ detail: string }>(explained);
		await close();
		return rows.map(({ detail }) => detail).join('\n');
	}
	if (settings.kind !== 'postgres') throw new Error('no store');
	const client = new pg.Client({ connectionString: address });
	await client.connect();
	const { read, close } = openPostgres(settings.postgres);
	const { sql: text, parameters } = pageQuery(read, query).compile();
	await close();
	// An index does not pay for the few rows of a test.
	await client.query('set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off');
	const { rows } = await client.query(`explain ${text}`, [...parameters]);
	await client.end();
	return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
}

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
			...{ email: 'alice@example.com', org: 'acme', secretType: 'password', version: 7 },
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

	const ORDER = fc.constantFrom('oldest', 'newest');
	test('the order is time, replica, sequence, or the reverse, whatever the order of arrival', async () => {
		const places = fc.array(
			fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('a/1', 'B/2', 'ä/3', 'b/0')),
			{ minLength: 1, maxLength: 40 },
		);
		await fc.assert(
			fc.asyncProperty(places, fc.integer({ min: 1, max: 7 }), ORDER, async (all, limit, order) => {
				const owner = database.maintain();
				await owner.purge(new Date(START + 86_400_000));
				await owner.close();
				const lines = all.map(([ms, replica]) => line(ms, { replica }));
				await store.insert(lines);
				const seen: string[] = [];
				let after: AuditPosition | undefined;
				do {
					const page = await store.page({ ...ALL, limit, after, order });
					expect(page.entries.length).toBeLessThanOrEqual(limit);
					seen.push(...page.entries.map(({ eventId }) => eventId));
					after = page.next;
				} while (after !== undefined);
				const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
				const expected = [...lines].sort(
					(a, b) => byBytes(a.time, b.time) || byBytes(a.replica, b.replica) || a.sequence - b.sequence,
				);
				if (order === 'newest') expected.reverse();
				expect(seen).toEqual(expected.map(({ eventId }) => eventId));
			}),
			{ numRuns: 30 },
		);
	});

	test('a page after any position holds what is beyond it and in its time', async () => {
		const lines = Array.from({ length: 12 }, (_, i) => line(Math.floor(i / 2), { replica: `pod/${i % 2}` }));
		await store.insert(lines);
		const ms = fc.integer({ min: -1, max: 7 });
		const replica = fc.constantFrom('pod/0', 'pod/1', 'pod/2');
		await fc.assert(
			fc.asyncProperty(ms, ms, ms, replica, ORDER, async (since, until, time, where, order) => {
				const [from, to] = [since, until].map((at) => new Date(START + at));
				const after = { time: START + time, replica: where, sequence: 0 };
				const range = { since: from as Date, until: to as Date };
				const { entries } = await store.page({ ...ALL, ...range, after, order });
				// No line has the number 0, so none is at the position itself.
				const isLater = ({ time: own, replica: at }: StampedLine) =>
					Date.parse(own) > after.time || (Date.parse(own) === after.time && at >= where);
				const expected = lines.filter(
					(one) =>
						isLater(one) === (order === 'oldest') &&
						new Date(one.time) >= (from as Date) &&
						new Date(one.time) < (to as Date),
				);
				if (order === 'newest') expected.reverse();
				expect(entries.map(({ eventId }) => eventId)).toEqual(expected.map(({ eventId }) => eventId));
			}),
			{ numRuns: 80 },
		);
	});

	test.each<[string, Partial<AuditQuery>, string]>([
		['of everything', {}, 'audit_by_time'],
		['of a deployment', { deployment: 'shop' }, 'audit_by_deployment'],
		['of an organization', { org: 'acme' }, 'audit_by_org'],
		['of an actor', { actor: 'user:alice' }, 'audit_by_actor'],
		['of an action', { action: 'secrets.update' }, 'audit_by_action'],
		['of a key of a deployment', { deployment: 'shop', key: 'A' }, 'audit_by_deployment_key'],
		['of a key of an organization', { org: 'acme', key: 'A' }, 'audit_by_org_key'],
		['of everything, the newest first', { order: 'newest' }, 'audit_by_time'],
		[
			'of a key, the newest first',
			{ deployment: 'shop', key: 'A', order: 'newest' },
			'audit_by_deployment_key',
		],
	])('a page in the middle %s starts at its place in an index', async (_what, filter, index) => {
		const after = { time: START, replica: 'pod/1', sequence: 7 };
		const plan = await planOf(database, { ...ALL, ...filter, after });
		expect(plan).toContain(index);
		// The position is where the index is entered, and not a condition on rows that were read.
		expect(plan).toMatch(
			/SEARCH entry .*\(time,replica,sequence\)[<>]|Index Cond: .*ROW\("?time"?, replica, sequence\) [<>]/,
		);
		expect(plan).not.toMatch(/Sort|TEMP B-TREE|Filter/);
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
		expect(await keysOf(store, { key: 'BOB' })).toEqual(['BOB']);
		expect(await keysOf(store, { key: 'OTHER', deployment: 'shop' })).toEqual([]);
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

	test('the writers of a version are found by place, key and number alone', async () => {
		await store.insert([
			line(0, { version: 1 }),
			line(1, { version: 2, actor: 'user:bob' }),
			line(2),
			line(3, { version: 2, key: 'B' }),
			line(4, { version: 2, scope: 'deployments/shop/services/web/secrets' }),
			line(5, { version: 3 }),
			// From before the secret was removed with its metadata.
			line(-86_400_000, { version: 2, actor: 'user:earlier' }),
		]);
		const secret = { scope: 'deployments/shop/secrets', key: 'A' };
		const found = await store.written({ ...secret, from: 1, to: 2 });
		expect(found.toSorted((a, b) => a.time - b.time)).toEqual([
			{ version: 2, actor: 'user:earlier', time: START - 86_400_000 },
			{ version: 1, actor: 'user:alice', time: START },
			{ version: 2, actor: 'user:bob', time: START + 1 },
		]);
		const versions = [1, 2, 3].map((number) => ({ number, createdAt: new Date(START) }));
		const writers = await writersOf(store, secret, versions);
		expect([...writers]).toEqual([
			[1, 'user:alice'],
			[2, 'user:bob'],
			[3, 'user:alice'],
		]);
		const later = [{ number: 2, createdAt: new Date(START + 3_600_000) }];
		expect((await writersOf(store, secret, later)).size).toBe(0);
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

/** A statement that takes a second or more. */
const SLOW = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 8000000)
	select count(*) as count from n`;

describe('a statement of SQLite that takes too long', () => {
	test('is given up, and others work as soon as it has ended', async () => {
		await using place = await scratch('audit-slow');
		const opened = openSqlite(`${place.dir}/audit.db`, { statementTimeout: 500 });
		await createMaintenance(opened).migrate(undefined);
		const message = 'a statement took longer than 500 ms';
		await expect(SLOW.execute(opened.read)).rejects.toMatchObject({ code: 'TIMEOUT', message });
		const store = createSqlStore(opened);
		await expect.poll(() => store.check().then(() => 'works', String)).toBe('works');
		await opened.close();
	});

	test('in a transaction: the transaction ends whole, and says why', async () => {
		await using place = await scratch('audit-slow');
		const opened = openSqlite(`${place.dir}/audit.db`, { statementTimeout: 500 });
		const store = createSqlStore(opened);
		await createMaintenance(opened).migrate(undefined);
		const transaction = opened.write.transaction().execute(async (db) => {
			await db.insertInto('audit_emails').values({ id: 'e', actor: 'a', email: 'a@example.com' }).execute();
			await SLOW.execute(db);
		});
		await expect(transaction).rejects.toThrow('a statement took longer than 500 ms');
		await expect.poll(() => store.insert([line(0)]).catch(String)).toBe(1);
		expect(await opened.read.selectFrom('audit_emails').selectAll().execute()).toEqual([]);
		await opened.close();
	});

	test('is waited for where the owner of the tables migrates: there is no limit', async () => {
		await using place = await scratch('audit-slow');
		const opened = openSqlite(`${place.dir}/audit.db`, { statementTimeout: undefined });
		expect(await SLOW.execute(opened.write)).toMatchObject({ rows: [{ count: 8_000_000 }] });
		await opened.close();
	});
});

test('on a full disk an insert is refused whole, and works again when there is room', async () => {
	await using place = await scratch('audit-full');
	const file = `${place.dir}/audit.db`;
	const unbounded = openSqlite(file);
	await createMaintenance(unbounded).migrate(undefined);
	await unbounded.close();
	const small = createSqlStore(openSqlite(file, { maxPages: 60 }));
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
