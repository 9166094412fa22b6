import { getuid } from 'node:process';
import { Failure } from './failure.ts';

/** The code of an error of node:fs, or ''. */
export function codeOf(thrown: unknown): string {
	const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
	return typeof code === 'string' ? code : '';
}

const REASONS: Readonly<Record<string, (out: string, bytes: number) => string>> = {
	ENOSPC: (out, bytes) =>
		`${out} is full: ${bytes} bytes are to be written, beside those of an earlier run; see ENVTIER_VOLUME_SIZE`,
	EDQUOT: (out) => `the quota of ${out} is used up`,
	EROFS: (out) => `${out} is read-only`,
	EACCES: (out) => `the fetcher (UID ${getuid?.()}) may not write to ${out}`,
	EPERM: (out) => `the fetcher (UID ${getuid?.()}) may not write to ${out}`,
	ENOENT: (out) => `${out} does not exist`,
	ENOTDIR: (out) => `${out} is not a directory`,
	ENAMETOOLONG: () => 'a key is longer than a file name can be',
};

/**
 * Explains an error of node:fs. Returns an error without a code unchanged, because it is a defect of Envtier.
 *
 * @param bytes the number of bytes to write to the directory `out`
 */
export function explainWrite(thrown: unknown, out: string, bytes: number): unknown {
	const code = codeOf(thrown);
	if (code === '') return thrown;
	const sentence = REASONS[code]?.(out, bytes) ?? `writing to ${out} failed`;
	return new Failure('write-failed', `${sentence} (${code})`);
}
