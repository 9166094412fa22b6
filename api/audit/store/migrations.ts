import { type Kysely, sql } from 'kysely';
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration';
import type { AuditTables } from './schema.ts';

/**
 * The migrations of the audit store, by name. A published one never changes. The same ones run on SQLite and
 * PostgreSQL.
 *
 * @param text the type of texts: they must compare byte by byte on every database, for the order of entries
 */
function migrationsFor(text: string): Record<string, Migration> {
	const type = sql.raw(text);
	const TEXTS = [
		...['event_id', 'phase', 'actor', 'via', 'action', 'scope', 'key', 'secret_type', 'result'],
		...['request_id', 'ip', 'elevation', 'reason', 'org', 'deployment', 'loaded_by'],
	];
	const create = async (db: Kysely<unknown>): Promise<void> => {
		const table = db.schema
			.createTable('audit_entries')
			.addColumn('replica', type, (column) => column.notNull())
			.addColumn('sequence', 'bigint', (column) => column.notNull())
			.addColumn('time', 'bigint', (column) => column.notNull())
			.addColumn('status', 'integer')
			.addColumn('email_id', type);
		await TEXTS.reduce((all, name) => all.addColumn(name, type, (column) => column.notNull()), table)
			.addPrimaryKeyConstraint('audit_entries_key', ['replica', 'sequence'])
			.execute();
		await db.schema
			.createTable('audit_emails')
			.addColumn('id', type, (column) => column.primaryKey())
			.addColumn('actor', type, (column) => column.notNull())
			.addColumn('email', type, (column) => column.notNull())
			.execute();
		const order = ['time', 'replica', 'sequence'];
		// One index for each filter, in the order of pages: a page reads no more rows than it returns.
		for (const [name, columns] of [
			['audit_by_time', order],
			['audit_by_deployment', ['deployment', ...order]],
			['audit_by_org', ['org', ...order]],
			['audit_by_actor', ['actor', ...order]],
			['audit_by_action', ['action', ...order]],
			['audit_by_email', ['email_id']],
		] as const)
			await db.schema
				.createIndex(name)
				.on('audit_entries')
				.columns([...columns])
				.execute();
	};
	const addVersions = async (db: Kysely<unknown>): Promise<void> => {
		await db.schema.alterTable('audit_entries').addColumn('version', 'bigint').execute();
		// Few lines write a version: the others are not in this index.
		await db.schema
			.createIndex('audit_by_version')
			.on('audit_entries')
			.columns(['scope', 'key', 'version'])
			.where('version', 'is not', null)
			.execute();
	};
	const addKeys = async (db: Kysely<unknown>): Promise<void> => {
		// Who changed this secret: lines without a key are not in these indexes.
		for (const column of ['deployment', 'org'])
			await db.schema
				.createIndex(`audit_by_${column}_key`)
				.on('audit_entries')
				.columns([column, 'key', 'time', 'replica', 'sequence'])
				.where('key', '<>', '')
				.execute();
	};
	return {
		'0001-entries': { up: create },
		'0002-versions': { up: addVersions },
		'0003-keys': { up: addKeys },
	};
}

/** Brings the tables to the newest version. Rejects with the error of the migration that failed. */
export async function migrateTables(db: Kysely<AuditTables>, text: string): Promise<void> {
	const provider: MigrationProvider = { getMigrations: () => Promise.resolve(migrationsFor(text)) };
	const { error } = await new Migrator({ db, provider }).migrateToLatest();
	if (error !== undefined) throw error;
}
