import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { STDIN } from '../files.ts';

/** The lines of a file, or of standard input for `-`. Rejects with a code if the file cannot be opened. */
export async function* linesOf(file: string, stdin: NodeJS.ReadableStream): AsyncGenerator<string> {
	if (file === STDIN) {
		yield* createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
		return;
	}
	await using handle = await open(file);
	// readline does not report that a directory cannot be read.
	if ((await handle.stat()).isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
	yield* handle.readLines();
}

/** Why a file cannot be read. */
export function readProblem(file: string, thrown: unknown): string {
	const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown error';
	return `${file} cannot be read: ${code}`;
}
