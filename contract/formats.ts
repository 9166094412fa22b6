import { err, ok, type Result } from './result.ts';

/** The path of each format, relative to the volume. `files` is a directory with one file for each key. */
export const FORMAT_PATHS = {
	shell: 'env',
	dotenv: '.env',
	json: 'env.json',
	files: 'files',
} as const;

/** A file format for the merged secrets. */
export type Format = keyof typeof FORMAT_PATHS;

/** All formats, in the order of the documentation. */
export const FORMATS = Object.keys(FORMAT_PATHS) as readonly Format[];

/** Formats whose keys become environment variables of the program that reads them. */
export const ENVIRONMENT_FORMATS: readonly Format[] = ['shell', 'dotenv'];

const RULE = `a comma-separated list of ${FORMATS.map((format) => `"${format}"`).join(', ')}, or "none"`;

/**
 * The file for keys that the kubelet delivers as native environment variables (`fileKeyRef`, KEP-3721). Its
 * syntax is the kubelet's own, not a shell's.
 */
export const NATIVE_ENV_PATH = 'native.env';

/** Parses a comma-separated list of formats, or "none". Returns them in the order of `FORMATS`. */
export function parseFormats(text: string): Result<readonly Format[]> {
	if (text.trim() === 'none') return ok([]);
	const names = text.split(',').map((part) => part.trim());
	if (names.some((name) => !FORMATS.some((format) => format === name))) return err(RULE);
	if (new Set(names).size !== names.length) return err(`${RULE}, each named once`);
	return ok(FORMATS.filter((format) => names.includes(format)));
}
