import { closeSync, openSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
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
import type { WorkerAnswer, WorkerRequest, WorkerSettings } from './sqlite-worker.ts';

/** The longest time of one statement, in ms. SQLite cannot interrupt one: the worker is ended. */
const STATEMENT_TIMEOUT = 5_000;
/** The worker's file: beside the bundle, or beside this source. */
const WORKER = new URL(
	import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './api-audit-worker.mjs',
	import.meta.url,
);

/** A statement that failed. `code` is SQLite's extended error code. */
class SqliteError extends Error {
	override readonly name = 'SqliteError';
	readonly code: number | undefined;

	constructor(problem: string, code: number | undefined) {
		super(problem);
		this.code = code;
	}
}

/**
 * Opens a SQLite file, which only its owner can read. Creates it if it does not exist. Reads and writes have
 * a worker each. Throws if the file cannot be created.
 *
 * @param maxPages the maximum number of pages of the file
 */
export function openSqlite(file: string, maxPages?: number): AuditDatabase {
	closeSync(openSync(file, 'a', 0o600));
	const open = (readOnly: boolean): Kysely<AuditTables> =>
		new Kysely<AuditTables>({ dialect: dialectOf({ file, readOnly, maxPages }) });
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
	return thrown instanceof SqliteError && [18, 19, 20].includes((thrown.code ?? 0) & 0xff);
}

function dialectOf(settings: WorkerSettings): Dialect {
	return {
		createAdapter: () => new SqliteAdapter(),
		createDriver: () => driverOf(settings),
		createIntrospector: (db) => new SqliteIntrospector(db),
		createQueryCompiler: () => new SqliteQueryCompiler(),
	};
}

/** A driver with one connection: the next user waits until it is released. */
function driverOf(settings: WorkerSettings): Driver {
	const worker = openWorker(settings);
	const connection: DatabaseConnection = {
		executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
			const { rows, changes } = await worker.run(sql, parameters);
			return { rows: rows as R[], numAffectedRows: BigInt(changes) };
		},
		streamQuery: () => {
			throw new Error('rows are not streamed');
		},
	};
	let tail = Promise.resolve();
	let release: () => void = () => undefined;
	const run = (sql: string) => async (): Promise<void> => void (await worker.run(sql, []));
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
		beginTransaction: run('begin immediate'),
		commitTransaction: run('commit'),
		rollbackTransaction: run('rollback'),
		destroy: worker.close,
	};
}

type Answered = Extract<WorkerAnswer, { rows: readonly unknown[] }>;

/** A worker that is started again after it ended. */
function openWorker(settings: WorkerSettings) {
	let worker: Worker | undefined;
	let nextId = 0;
	const waiting = new Map<number, (answer: WorkerAnswer | Error) => void>();
	const start = (): Worker => {
		const started = new Worker(WORKER, { workerData: settings });
		const ended = (error: Error): void => {
			if (worker === started) worker = undefined;
			for (const settle of waiting.values()) settle(error);
			waiting.clear();
		};
		started.on('message', (answer: WorkerAnswer) => {
			waiting.get(answer.id)?.(answer);
			waiting.delete(answer.id);
		});
		started.on('error', (error: unknown) => ended(error instanceof Error ? error : new Error('unknown')));
		started.on('exit', () => ended(new Error('the worker of the audit store ended')));
		started.unref();
		return started;
	};
	const run = (sql: string, parameters: readonly unknown[]): Promise<Answered> =>
		new Promise((resolve, reject) => {
			worker ??= start();
			const id = nextId++;
			const slow = setTimeout(() => void worker?.terminate(), STATEMENT_TIMEOUT);
			waiting.set(id, (answer) => {
				clearTimeout(slow);
				if (answer instanceof Error) reject(answer);
				else if ('problem' in answer) reject(new SqliteError(answer.problem, answer.code));
				else resolve(answer);
			});
			worker.postMessage({ id, sql, parameters } satisfies WorkerRequest);
		});
	const close = async (): Promise<void> => void (await worker?.terminate());
	return { run, close };
}
