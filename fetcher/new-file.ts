import { chmodSync, closeSync, constants, fchmodSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import type { OutputFile } from './render/render.ts';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Creates a file with mode 0600. Sets the mode again after the creation, because a umask or a directory's
 * default ACL could change it.
 */
export function writeNew(path: string, text: string): void {
	const file = openSync(path, NEW_FILE, 0o600);
	try {
		fchmodSync(file, 0o600);
		writeFileSync(file, text);
	} finally {
		closeSync(file);
	}
}

/** Creates a directory with mode 0700. */
export function makeDirectory(path: string): void {
	mkdirSync(path, 0o700);
	chmodSync(path, 0o700);
}

/** Bytes of all outputs, for the message of a volume that is too small. */
export function sizeOf(outputs: readonly OutputFile[]): number {
	const texts = outputs.flatMap(({ content }) =>
		typeof content === 'string' ? content : [...content.values()],
	);
	return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
