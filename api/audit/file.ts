import { appendFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { err, ok, type Result } from '../../contract/result.ts';

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

function codeOf(thrown: unknown): string {
	return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
}
