import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { err, ok, type Result } from '../contract/result.ts';

/** The name that stands for standard input on a command line. */
export const STDIN = '-';

/** The bytes of a file, or of standard input for `-`. The error names the file and why it cannot be read. */
export async function readBytes(name: string, stdin: NodeJS.ReadStream): Promise<Result<Buffer>> {
	try {
		return ok(name === STDIN ? await buffer(stdin) : await readFile(name));
	} catch (error) {
		return err(`${name} cannot be read: ${reason(error)}`);
	}
}

/**
 * The text of a file, or of standard input for `-`. Removes a byte order mark, which some editors and shells
 * write. The error names the file and says why it cannot be read. Bytes that are not UTF-8 are an error:
 * replacement characters would change a secret.
 */
export async function readInput(name: string, stdin: NodeJS.ReadStream): Promise<Result<string>> {
	const bytes = await readBytes(name, stdin);
	if (!bytes.ok) return bytes;
	if (isUtf16(bytes.value)) return err(`${name} is UTF-16 text: save it as UTF-8`);
	try {
		return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes.value));
	} catch {
		return err(`${name} is not UTF-8 text: save it as UTF-8`);
	}
}

/** True for a byte order mark of UTF-16, as PowerShell's `>` writes it. */
function isUtf16([first, second]: Buffer): boolean {
	return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
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
