import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const SQLITE_BUSY = 5;

/**
 * Takes a lock that the kernel releases when its holder dies: SQLite's lock on a file, which Node supports on
 * every platform. Returns the function that releases it. Calls `waiting` when it has to wait.
 */
export async function lock(file: string, waiting: () => void = () => undefined): Promise<() => void> {
	const database = new DatabaseSync(file);
	for (let told = false; ; told = true) {
		try {
			database.exec('BEGIN EXCLUSIVE');
			return () => database.close();
		} catch (thrown) {
			if (!isBusy(thrown)) throw thrown;
		}
		if (!told) waiting();
		await sleep(250);
	}
}

function isBusy(thrown: unknown): boolean {
	return thrown instanceof Error && 'errcode' in thrown && thrown.errcode === SQLITE_BUSY;
}
