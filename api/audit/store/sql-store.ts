import { randomUUID } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import { LRUCache } from 'lru-cache';
import type { StampedLine } from '../lines.ts';
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
		check: async () => {
			await read.selectFrom('audit_entries').select('sequence').limit(1).execute();
			await read.selectFrom('audit_emails').select('id').limit(1).execute();
		},
		close,
	};
}

async function pageOf(db: Kysely<AuditTables>, query: AuditQuery): Promise<AuditPage> {
	let rows = db
		.selectFrom('audit_entries as entry')
		.leftJoin('audit_emails as person', 'person.id', 'entry.email_id')
		.selectAll('entry')
		.select('person.email as email')
		.where('entry.time', '>=', query.since.getTime())
		.where('entry.time', '<', query.until.getTime());
	for (const column of ['deployment', 'org', 'actor', 'action'] as const) {
		const wanted = query[column];
		if (wanted !== undefined) rows = rows.where(`entry.${column}`, '=', wanted);
	}
	if (query.after !== undefined) {
		const { time, replica, sequence } = query.after;
		rows = rows.where(
			sql<boolean>`(entry.time, entry.replica, entry.sequence) > (${time}, ${replica}, ${sequence})`,
		);
	}
	const found = await rows
		.orderBy('entry.time')
		.orderBy('entry.replica')
		.orderBy('entry.sequence')
		// One more than asked for tells whether there is a next page.
		.limit(query.limit + 1)
		.execute();
	const entries = found.slice(0, query.limit).map(entryOf);
	const last = entries.at(-1);
	return { entries, next: found.length > query.limit && last !== undefined ? positionOf(last) : undefined };
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
