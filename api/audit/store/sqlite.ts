import { closeSync, openSync } from 'node:fs';
import {
	type CompiledQuery,
	type DatabaseConnection,
	type Dialect,
	type Driver,
	Kysely,
	type QueryResult,
	SqliteAdapter,
	SqliteIntrospector,
	SqliteQueryCompiler,
} from 'kysely';
import type { AuditTables } from './schema.ts';
import type { AuditDatabase } from './sql-store.ts';
import { connectSqlite, type SqliteConnection, SqliteError } from './sqlite-connection.ts';

/** The longest time of one statement of a call, in ms. */
const STATEMENT_TIMEOUT = 5_000;

/** What else a SQLite file is opened with. */
export interface SqliteOptions {
	/** The maximum number of pages of the file. Default: no maximum. */
	readonly maxPages?: number;
	/** The longest time of one statement, in ms; `undefined`: no limit. Default: 5 s. */
	readonly statementTimeout?: number | undefined;
}

/**
 * Opens a SQLite file, which only its owner can read. Creates it if it does not exist. Reads and writes have
 * a worker each. Throws if the file cannot be created.
 */
export function openSqlite(file: string, options: SqliteOptions = {}): AuditDatabase {
	closeSync(openSync(file, 'a', 0o600));
	const { maxPages, statementTimeout } = { statementTimeout: STATEMENT_TIMEOUT, ...options };
	const open = (readOnly: boolean): Kysely<AuditTables> => {
		const connection = connectSqlite({ file, readOnly, maxPages }, statementTimeout);
		return new Kysely<AuditTables>({ dialect: dialectOf(connection) });
	};
	const write = open(false);
	const read = open(true);
	const close = async (): Promise<void> => {
		await read.destroy();
		await write.destroy();
	};
	return { write, read, text: 'text', roles: false, isDataError, close };
}

/** SQLITE_TOOBIG, SQLITE_CONSTRAINT and SQLITE_MISMATCH; the lower byte is the primary code. */
function isDataError(thrown: unknown): boolean {
	return (
		thrown instanceof SqliteError &&
		typeof thrown.code === 'number' &&
		[18, 19, 20].includes(thrown.code & 0xff)
	);
}

function dialectOf(sqlite: SqliteConnection): Dialect {
	return {
		createAdapter: () => new SqliteAdapter(),
		createDriver: () => driverOf(sqlite),
		createIntrospector: (db) => new SqliteIntrospector(db),
		createQueryCompiler: () => new SqliteQueryCompiler(),
	};
}

/** A driver with one connection: the next user waits until it is released. */
function driverOf(sqlite: SqliteConnection): Driver {
	const connection: DatabaseConnection = {
		executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
			const { rows, changes } = await sqlite.run(sql, parameters);
			return { rows: rows as R[], numAffectedRows: BigInt(changes) };
		},
		streamQuery: () => {
			throw new Error('rows are not streamed');
		},
	};
	let tail = Promise.resolve();
	let release: () => void = () => undefined;
	const run = (sql: string) => async (): Promise<void> => void (await sqlite.run(sql, []));
	let beganIn: number | undefined;
	return {
		init: () => Promise.resolve(),
		acquireConnection: async () => {
			const before = tail;
			let next: () => void = () => undefined;
			tail = new Promise((resolve) => {
				next = resolve;
			});
			await before;
			release = next;
			return connection;
		},
		releaseConnection: () => Promise.resolve(release()),
		beginTransaction: async () => {
			await sqlite.run('begin immediate', []);
			beganIn = sqlite.worker();
		},
		commitTransaction: run('commit'),
		// The end of a worker rolled back. A rollback that fails would take the place of what ended it.
		rollbackTransaction: async () => {
			if (beganIn !== undefined && sqlite.worker() === beganIn) await sqlite.run('rollback', []);
		},
		destroy: sqlite.close,
	};
}
