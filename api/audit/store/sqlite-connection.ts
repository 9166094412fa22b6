import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { WorkerAnswer, WorkerRequest, WorkerSettings } from './sqlite-worker.ts';

/** The worker's file: beside the bundle, or beside this source. */
const WORKER = new URL(
	import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './api-audit-worker.mjs',
	import.meta.url,
);

/** A statement that failed. `code` is SQLite's extended error code, or `TIMEOUT`. */
export class SqliteError extends Error {
	override readonly name = 'SqliteError';
	readonly code: number | 'TIMEOUT' | undefined;

	constructor(problem: string, code: number | 'TIMEOUT' | undefined) {
		super(problem);
		this.code = code;
	}
}

type Answered = Extract<WorkerAnswer, { rows: readonly unknown[] }>;

/** A worker that is started again after it ended. */
export interface SqliteConnection {
	/** Runs one statement. Rejects with an {@link SqliteError}, or with the error that ended the worker. */
	readonly run: (sql: string, parameters: readonly unknown[]) => Promise<Answered>;
	/** The number of the running worker; undefined if none runs. A transaction ends with its worker. */
	readonly worker: () => number | undefined;
	readonly close: () => Promise<void>;
}

/** Statements that wait for their answer, by id. */
type Waiting = Map<number, (answer: WorkerAnswer | Error) => void>;

/** @param statementTimeout the longest time of one statement, in ms; undefined: no limit */
export function connectSqlite(settings: WorkerSettings, statementTimeout?: number): SqliteConnection {
	let worker: Worker | undefined;
	let ending: Promise<void> | undefined;
	let starts = 0;
	let nextId = 0;
	const waiting: Waiting = new Map();
	const ended = (which: Worker, error: Error): void => {
		// The end of an earlier worker says nothing about the statements of the present one.
		if (worker !== which) return;
		worker = undefined;
		for (const settle of waiting.values()) settle(error);
		waiting.clear();
	};
	const start = (): Worker => {
		starts += 1;
		const started = startWorker(settings, waiting);
		started.on('error', (error: unknown) =>
			ended(started, error instanceof Error ? error : new Error('unknown')),
		);
		started.on('exit', () => ended(started, new Error('the worker of the audit store ended')));
		return started;
	};
	/**
	 * Gives up on the statement that runs. `node:sqlite` cannot interrupt it: the worker ends with the
	 * statement, and the next worker starts after that. So a connection has one thread at most.
	 */
	const endSlow = (): void => {
		const slow = worker;
		if (slow === undefined) return;
		ended(slow, new SqliteError(`a statement took longer than ${statementTimeout} ms`, 'TIMEOUT'));
		const end = slow.terminate().then(() => {
			if (ending === end) ending = undefined;
		});
		ending = end;
	};
	const run = async (sql: string, parameters: readonly unknown[]): Promise<Answered> => {
		if (ending !== undefined)
			await Promise.race([ending, delay(statementTimeout, undefined, { ref: false })]);
		if (ending !== undefined) throw new SqliteError('an earlier statement still runs', 'TIMEOUT');
		return await new Promise((resolve, reject) => {
			worker ??= start();
			const id = nextId++;
			const timer = statementTimeout === undefined ? undefined : setTimeout(endSlow, statementTimeout);
			waiting.set(id, (answer) => {
				clearTimeout(timer);
				if (answer instanceof Error) reject(answer);
				else if ('problem' in answer) reject(new SqliteError(answer.problem, answer.code));
				else resolve(answer);
			});
			worker.postMessage({ id, sql, parameters } satisfies WorkerRequest);
		});
	};
	const number = (): number | undefined => (worker === undefined ? undefined : starts);
	return { run, worker: number, close: async () => void (await worker?.terminate()) };
}

function startWorker(settings: WorkerSettings, waiting: Waiting): Worker {
	const worker = new Worker(WORKER, { workerData: settings });
	worker.on('message', (answer: WorkerAnswer) => {
		waiting.get(answer.id)?.(answer);
		waiting.delete(answer.id);
	});
	worker.unref();
	return worker;
}
