import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { StampedLine } from '../../../lib/audit/lines.ts';
import { migrateTables } from './migrations.ts';
import { type AuditTables, type EmailRow, entryOf, rowOf } from './schema.ts';
import {
	AuditDataError,
	type AuditMaintenance,
	type AuditPage,
	type AuditPosition,
	type AuditQuery,
	type AuditStore,
} from './store.ts';

/** Rows that one statement of a purge deletes, so that no lock lasts long. */
const PURGE_AT_ONCE = 5_000;
/** Actors whose e-mail id a replica remembers. */
const MAX_EMAILS = 10_000;

/** Entries that say who wrote the versions of one secret. KV v2 keeps ten versions by default. */
const MAX_WRITTEN = 2_000;

/** A database with the tables. Reads and writes may have connections of their own. */
export interface AuditDatabase {
	readonly write: Kysely<AuditTables>;
	readonly read: Kysely<AuditTables>;
	/** The type of texts that compare byte by byte. */
	readonly text: string;
	/** True if rights can be granted to roles. */
	readonly roles: boolean;
	/** True for an error that the same row would cause again. */
	readonly isDataError: (thrown: unknown) => boolean;
	readonly close: () => Promise<void>;
}

/** Creates the store on a database. */
export function createSqlStore({ write, read, isDataError, close }: AuditDatabase): AuditStore {
	/** Random ids, so that an id says nothing about an address that was erased. */
	const emailIds = new LRUCache<string, EmailRow>({ max: MAX_EMAILS });
	const emailOf = ({ actor, email }: StampedLine): EmailRow | undefined => {
		if (email === undefined) return undefined;
		const name = JSON.stringify([actor, email]);
		const known = emailIds.get(name) ?? { id: randomUUID(), actor, email };
		emailIds.set(name, known);
		return known;
	};
	return {
		insert: async (lines, loadedBy = '') => {
			if (lines.length === 0) return 0;
			const emails = new Map<string, EmailRow>();
			const rows = lines.map((line) => {
				const email = emailOf(line);
				if (email !== undefined) emails.set(email.id, email);
				return rowOf(line, email?.id ?? null, loadedBy);
			});
			const inserted = write.transaction().execute(async (db) => {
				if (emails.size > 0)
					await db
						.insertInto('audit_emails')
						.values([...emails.values()])
						.onConflict((conflict) => conflict.column('id').doNothing())
						.execute();
				const { numInsertedOrUpdatedRows } = await db
					.insertInto('audit_entries')
					.values(rows)
					.onConflict((conflict) => conflict.columns(['replica', 'sequence']).doNothing())
					.executeTakeFirstOrThrow();
				return Number(numInsertedOrUpdatedRows ?? 0n);
			});
			return await inserted.catch((thrown: unknown) => {
				throw isDataError(thrown) ? new AuditDataError('a row is refused', { cause: thrown }) : thrown;
			});
		},
		page: (query) => pageOf(read, query),
		written: async ({ scope, key, from, to }) => {
			const rows = await read
				.selectFrom('audit_entries')
				.select(['version', 'actor', 'time'])
				.where('scope', '=', scope)
				.where('key', '=', key)
				.where('version', 'is not', null)
				.where('version', '>=', from)
				.where('version', '<=', to)
				.orderBy('version', 'desc')
				.limit(MAX_WRITTEN)
				.execute();
			return rows.map(({ version, actor, time }) => ({
				version: Number(version),
				actor,
				time: Number(time),
			}));
		},
		check: async () => {
			await read.selectFrom('audit_entries').select(['sequence', 'version']).limit(1).execute();
			await read.selectFrom('audit_emails').select('id').limit(1).execute();
		},
		close,
	};
}

async function pageOf(db: Kysely<AuditTables>, query: AuditQuery): Promise<AuditPage> {
	const found = await pageQuery(db, query).execute();
	const entries = found.slice(0, query.limit).map(entryOf);
	const last = entries.at(-1);
	return { entries, next: found.length > query.limit && last !== undefined ? positionOf(last) : undefined };
}

/** The statement of a page. It reads one row more, which tells whether there is a next page. */
export function pageQuery(db: Kysely<AuditTables>, { limit, ...query }: AuditQuery) {
	let rows = db
		.selectFrom('audit_entries as entry')
		.leftJoin('audit_emails as person', 'person.id', 'entry.email_id')
		.selectAll('entry')
		.select('person.email as email')
		.where(inRange(query));
	for (const column of ['deployment', 'org', 'actor', 'action', 'key'] as const) {
		const wanted = query[column];
		if (wanted !== undefined) rows = rows.where(`entry.${column}`, '=', wanted);
	}
	// The indexes of keys leave out the lines without one, and databases must see that none is asked for.
	if (query.key !== undefined) rows = rows.where(sql<boolean>`entry.key <> ''`);
	const direction = query.order === 'newest' ? 'desc' : 'asc';
	return rows
		.orderBy('entry.time', direction)
		.orderBy('entry.replica', direction)
		.orderBy('entry.sequence', direction)
		.limit(limit + 1);
}

/**
 * The condition on time and position. It has one bound at each end: with two of them, SQLite may enter its
 * index at the looser one and read every row up to the other.
 */
function inRange({ after, since, until, order }: Pick<AuditQuery, 'after' | 'since' | 'until' | 'order'>) {
	const [from, to] = [since.getTime(), until.getTime()];
	let lower = sql`entry.time >= ${from}`;
	let upper = sql`entry.time < ${to}`;
	if (after !== undefined) {
		const { time, replica, sequence } = after;
		const place = sql`(entry.time, entry.replica, entry.sequence)`;
		const position = sql`(${time}, ${replica}, ${sequence})`;
		if (order === 'newest') upper = time < to ? sql`${place} < ${position}` : upper;
		else lower = time >= from ? sql`${place} > ${position}` : lower;
	}
	return sql<boolean>`${lower} and ${upper}`;
}

function positionOf({ time, replica, sequence }: AuditPage['entries'][number]): AuditPosition {
	return { time: Date.parse(time), replica, sequence };
}

/** Creates the maintenance of a database. It needs the rights of the tables' owner. */
export function createMaintenance({ write, text, roles, close }: AuditDatabase): AuditMaintenance {
	return {
		migrate: async (grantTo) => {
			await migrateTables(write, text);
			if (grantTo === undefined || !roles) return;
			const tables = sql.raw('audit_entries, audit_emails');
			await sql`grant insert, select on ${tables} to ${sql.id(grantTo)}`.execute(write);
		},
		purge: async (before) => {
			let purged = 0;
			for (;;) {
				const { numDeletedRows } = await write
					.deleteFrom('audit_entries')
					.where(
						sql<boolean>`(replica, sequence) in (select replica, sequence from audit_entries
							where time < ${before.getTime()} order by time limit ${sql.lit(PURGE_AT_ONCE)})`,
					)
					.executeTakeFirstOrThrow();
				purged += Number(numDeletedRows);
				if (Number(numDeletedRows) < PURGE_AT_ONCE) break;
			}
			await write
				.deleteFrom('audit_emails')
				.where(({ not, exists, selectFrom }) =>
					not(
						exists(
							selectFrom('audit_entries')
								.select('audit_entries.sequence')
								.whereRef('audit_entries.email_id', '=', 'audit_emails.id'),
						),
					),
				)
				.execute();
			return purged;
		},
		eraseEmails: async (actor) => {
			const { numDeletedRows } = await write
				.deleteFrom('audit_emails')
				.where('actor', '=', actor)
				.executeTakeFirstOrThrow();
			return Number(numDeletedRows);
		},
		close,
	};
}
