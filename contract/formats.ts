import { err, ok, type Result } from './result.ts';

/** What each format writes, relative to the volume. `files` is a directory with one file a key. */
export const FORMAT_PATHS = {
	shell: 'env',
	dotenv: '.env',
	json: 'env.json',
	files: 'files',
} as const;

/** One way of writing the merged secrets. */
export type Format = keyof typeof FORMAT_PATHS;

/** All formats, in the order in which they are documented. */
export const FORMATS = Object.keys(FORMAT_PATHS) as readonly Format[];

/** Formats whose keys become environment variables of the program that reads them. */
export const ENVIRONMENT_FORMATS: readonly Format[] = ['shell', 'dotenv'];

const RULE = `a comma-separated list of ${FORMATS.map((format) => `"${format}"`).join(', ')}, or "none"`;

/**
 * The file for keys that the kubelet delivers as native environment variables (`fileKeyRef`, KEP-3721). Its
 * syntax is the kubelet's own, not a shell's.
 */
export const NATIVE_ENV_PATH = 'native.env';

/** Takes a comma-separated list of formats, or "none" for no files; gives them in the documented order. */
export function parseFormats(text: string): Result<readonly Format[]> {
	if (text.trim() === 'none') return ok([]);
	const named = text.split(',').map((part) => part.trim());
	if (named.some((name) => !FORMATS.some((format) => format === name))) return err(RULE);
	if (new Set(named).size !== named.length) return err(`${RULE}, each named once`);
	return ok(FORMATS.filter((format) => named.includes(format)));
}
