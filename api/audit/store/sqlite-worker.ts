/** Runs SQL on one SQLite file in a worker: node:sqlite blocks its thread. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** What the worker is started with. */
export interface WorkerSettings {
	readonly file: string;
	readonly readOnly: boolean;
	/** The maximum number of pages of the file; undefined: no maximum. */
	readonly maxPages: number | undefined;
}

/** One statement for the worker. */
export interface WorkerRequest {
	readonly id: number;
	readonly sql: string;
	readonly parameters: readonly unknown[];
}

/** The outcome of a statement. */
export type WorkerAnswer =
	| { readonly id: number; readonly rows: readonly unknown[]; readonly changes: number }
	| { readonly id: number; readonly problem: string; readonly code: number | undefined };

const { file, readOnly, maxPages } = workerData as WorkerSettings;
const db = new DatabaseSync(file, { readOnly, timeout: 5_000 });
if (!readOnly) {
	// A commit returns after the disk has the data: an entry survives the loss of the machine's power.
	db.exec('pragma journal_mode = wal; pragma synchronous = full');
	if (maxPages !== undefined) db.exec(`pragma max_page_count = ${maxPages}`);
}

function run({ id, sql, parameters }: WorkerRequest): WorkerAnswer {
	try {
		const statement = db.prepare(sql);
		const values = parameters as SQLInputValue[];
		if (statement.columns().length > 0) return { id, rows: statement.all(...values), changes: 0 };
		return { id, rows: [], changes: Number(statement.run(...values).changes) };
	} catch (thrown) {
		const code = thrown instanceof Error && 'errcode' in thrown ? Number(thrown.errcode) : undefined;
		return { id, problem: thrown instanceof Error ? thrown.message : 'unknown', code };
	}
}

parentPort?.on('message', (request: WorkerRequest) => parentPort?.postMessage(run(request)));
