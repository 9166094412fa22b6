import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { err, ok, type Result } from '../../contract/result.ts';
import type { Context } from '../context.ts';
import { readBytes, STDIN } from '../files.ts';

/** Options for the source of a value. */
export interface ValueOptions {
	readonly valueStdin?: boolean | undefined;
	readonly fromFile?: string | undefined;
}

/** Reads one value. Without an option, prompts for it on a terminal and does not echo the input. */
export async function readValue(options: ValueOptions, context: Context): Promise<Result<string>> {
	const { valueStdin, fromFile } = options;
	if (valueStdin && fromFile !== undefined) return err('--value-stdin and --from-file exclude one another');
	if (fromFile !== undefined) return await readText(fromFile, false, context);
	if (valueStdin) return await readText(STDIN, true, context);
	if (context.stdin.isTTY && context.stderr.interactive) return await ask(context);
	return err('no value is given: --value-stdin or --from-file FILE gives one, or --from-env-file FILE many');
}

/**
 * Reads a value from a file, or from standard input for `-`.
 *
 * @param trimmed without the line break at its end, which `echo` or an editor adds
 */
export async function readText(name: string, trimmed: boolean, { stdin }: Context): Promise<Result<string>> {
	const bytes = await readBytes(name, stdin);
	if (!bytes.ok) return bytes;
	try {
		const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.value);
		return checked(trimmed ? text.replace(/\r?\n$/, '') : text);
	} catch {
		return err('the value is not UTF-8 text: encode it first, with base64 for instance');
	}
}

/** Checks a value. The API makes the same check, but only after the value was sent. */
export function checked(value: string): Result<string> {
	if (value === '') return err('the value is empty');
	if (value.includes('\0')) return err('the value holds a NUL character: no pod could receive it');
	return ok(value);
}

async function ask({ stdin, stderr }: Context): Promise<Result<string>> {
	const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
	const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
	stderr.write('Value (not shown): ');
	try {
		const line = await new Promise<string | undefined>((resolve) => {
			lines.once('line', resolve);
			lines.once('SIGINT', () => resolve(undefined));
			lines.once('close', () => resolve(undefined));
		});
		return line === undefined ? err('given up') : checked(line);
	} finally {
		lines.close();
		stderr.write('\n');
	}
}
