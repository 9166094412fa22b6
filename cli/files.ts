import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { err, ok, type Result } from '../contract/result.ts';

/** The name by which a command line means standard input. */
export const STDIN = '-';

/** The text of a file, or of standard input for `-`. The error names the file and why it cannot be read. */
export async function readInput(name: string, stdin: NodeJS.ReadStream): Promise<Result<string>> {
	try {
		return ok(name === STDIN ? await text(stdin) : await readFile(name, 'utf8'));
	} catch (error) {
		return err(`${name} cannot be read: ${reason(error)}`);
	}
}

const REASONS: Readonly<Record<string, string>> = {
	ENOENT: 'there is no such file',
	EISDIR: 'it is a directory',
	EACCES: 'permission denied',
};

function reason(error: unknown): string {
	const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
	return REASONS[code] ?? code;
}
