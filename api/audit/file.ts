import { appendFileSync, writeSync } from 'node:fs';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';
import { AuditStoreFailure } from './store/store.ts';

/** Writes a text before it returns. */
export type Write = (text: string) => void;

/**
 * Opens a file for audit lines that only its owner can read. Opens it by name for every line, so that it can
 * be rotated. If a write fails (a full disk), the line goes to `fallback` and the log reports it, because
 * completed actions must be recorded.
 *
 * @returns the write function; the error, a sentence, when the file cannot be written at the start
 */
export function openAuditFile(path: string, fallback: Write, log: Logger): Result<Write> {
	// Synchronous: a line that waits in memory is lost when the process is killed.
	const append = (text: string): void => appendFileSync(path, text, { mode: 0o600 });
	try {
		append('');
	} catch (thrown) {
		return err(`${path} cannot be written (${codeOf(thrown)})`);
	}
	return ok((text) => {
		try {
			append(text);
		} catch (thrown) {
			log.error({ file: path, code: codeOf(thrown) }, 'the audit file cannot be written: its lines go here');
			fallback(text);
		}
	});
}

/** File descriptor of standard output. */
const STDOUT = 1;

/**
 * Writes lines to a file, or to standard output without one, and throws an `AuditStoreFailure` if that fails.
 * For what must not happen without its line.
 */
export function openStrictAudit(path: string | undefined): Write {
	return (text) => {
		try {
			if (path !== undefined) appendFileSync(path, text, { mode: 0o600 });
			else
				for (let left = Buffer.from(text); left.length > 0; ) left = left.subarray(writeSync(STDOUT, left));
		} catch (thrown) {
			throw new AuditStoreFailure(`the audit line cannot be written (${codeOf(thrown)})`);
		}
	};
}

function codeOf(thrown: unknown): string {
	return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
}
