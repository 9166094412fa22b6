import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { EXIT_CODES, type ExitReason } from '../contract/exit-codes.ts';
import { Failure } from './failure.ts';
import { printable } from './text.ts';

/** How the fetch ended badly. */
export interface Ending {
	readonly reason: ExitReason;
	/** What happened, what it means and what to do: fit for a log and for a termination message. */
	readonly words: string;
	/** Where in our own code a defect showed: places, no texts. */
	readonly places: readonly string[];
}

/** The kubelet keeps no more of a termination message (Kubernetes API: terminationMessagePath). */
const MESSAGE_LIMIT = 4096;

const PLACE = /^\s+at .*(?:\.[mc]?[jt]s|node:[\w/]+):\d+(?::\d+)?\)?$/;

/**
 * Puts whatever was thrown into last words. Of anything but a `Failure` only its kind, its code and the places of its stack
 * are told: its message could quote a secret.
 */
export function endingOf(thrown: unknown): Ending {
	if (thrown instanceof Failure) {
		const cure = thrown.cure ?? EXIT_CODES[thrown.reason].cure;
		const sentence = thrown.message.replace(/\.$/, '');
		const advice = cure === '' ? '' : `${sentence.endsWith('?') ? '' : '.'} What to do: ${cure}`;
		return {
			reason: thrown.reason,
			words: `${thrown.reason}: ${sentence}${advice}`,
			places: [],
		};
	}
	const { meaning, cure } = EXIT_CODES.internal;
	const error = thrown instanceof Error ? thrown : undefined;
	const code = error !== undefined && 'code' in error ? printable(String(error.code), 60) : '';
	const kind = printable(error?.constructor.name ?? typeof thrown, 60);
	const places = (error?.stack ?? '').split('\n').filter((line) => PLACE.test(line));
	return {
		reason: 'internal',
		words: `internal: ${meaning} (${[kind, code].filter((part) => part !== '').join(' ')}); ${cure}`,
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

/** Leaves last words for `kubectl describe pod`, if the kubelet has made the file for them; gives false when it has not. */
export function leaveWords(path: string, words: string): boolean {
	let file: number;
	try {
		file = openSync(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW);
	} catch {
		// Outside Kubernetes there is none; the words are in the log as well.
		return false;
	}
	try {
		writeSync(file, cutToBytes(words, MESSAGE_LIMIT));
		return true;
	} catch {
		return false;
	} finally {
		closeSync(file);
	}
}
