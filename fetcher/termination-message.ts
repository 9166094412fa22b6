import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { EXIT_CODES, type ExitReason } from '../contract/exit-codes.ts';
import { Failure } from './failure.ts';
import { printable } from './text.ts';

/** Why the fetcher failed. */
export interface Termination {
	readonly reason: ExitReason;
	/** The failure and advice, for the log and the termination message. */
	readonly message: string;
	/** Stack frames of a defect, without its message. */
	readonly places: readonly string[];
}

/** The kubelet's limit for a termination message, in bytes (Kubernetes API: terminationMessagePath). */
const MESSAGE_LIMIT = 4096;

const STACK_FRAME = /^\s+at .*(?:\.[mc]?[jt]s|node:[\w/]+):\d+(?::\d+)?\)?$/;

/**
 * Converts any thrown value to a termination. If it is not a `Failure`, keeps only the class, the code and
 * the stack frames, because the message could contain a secret.
 */
export function terminationOf(thrown: unknown): Termination {
	if (thrown instanceof Failure) {
		const cure = thrown.cure ?? EXIT_CODES[thrown.reason].cure;
		const sentence = thrown.message.replace(/\.$/, '');
		const advice = cure === '' ? '' : `${sentence.endsWith('?') ? '' : '.'} What to do: ${cure}`;
		return {
			reason: thrown.reason,
			message: `${thrown.reason}: ${sentence}${advice}`,
			places: [],
		};
	}
	const { meaning, cure } = EXIT_CODES.internal;
	const error = thrown instanceof Error ? thrown : undefined;
	const code = error !== undefined && 'code' in error ? printable(String(error.code), 60) : '';
	const kind = printable(error?.constructor.name ?? typeof thrown, 60);
	const places = (error?.stack ?? '').split('\n').filter((line) => STACK_FRAME.test(line));
	return {
		reason: 'internal',
		message: `internal: ${meaning} (${[kind, code].filter((part) => part !== '').join(' ')}); ${cure}`,
		places: places.slice(0, 10).map((line) => printable(line)),
	};
}

/** Cuts text to `limit` bytes of UTF-8 without cutting a character. */
function cutToBytes(text: string, limit: number): Buffer {
	const bytes = Buffer.from(text);
	if (bytes.length <= limit) return bytes;
	let end = limit;
	// Bytes 10xxxxxx continue a character.
	while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
	return bytes.subarray(0, end);
}

/**
 * Writes the termination message that `kubectl describe pod` shows. Returns false if the kubelet has not
 * created the file or it cannot be written.
 */
export function writeTerminationMessage(path: string, message: string): boolean {
	let file: number;
	try {
		file = openSync(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW);
	} catch {
		// Outside Kubernetes the file does not exist. The log has the message too.
		return false;
	}
	try {
		writeSync(file, cutToBytes(message, MESSAGE_LIMIT));
		return true;
	} catch {
		return false;
	} finally {
		closeSync(file);
	}
}
