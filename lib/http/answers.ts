import type { ServerResponse } from 'node:http';

/** Limits on responses that clients do not read. */
export interface AnswerLimits {
	/** Bytes of all unsent responses. Beyond the limit the connection of the oldest response is closed. */
	readonly bytes: number;
	/** Milliseconds that a client may take to read its response. */
	readonly time: number;
}

/**
 * Limits the memory of responses: the server keeps a response in memory until the client reads it.
 *
 * @returns a function to call with each response and its length in bytes, right before it is sent
 */
export function limitAnswers({
	bytes,
	time,
}: AnswerLimits): (response: ServerResponse, length: number) => void {
	/** In the order in which the responses began. */
	const unsent = new Map<ServerResponse, Unsent>();
	let total = 0;
	let isTimerSet = false;
	const forget = (response: ServerResponse): void => {
		total -= unsent.get(response)?.length ?? 0;
		unsent.delete(response);
	};
	function onClose(this: ServerResponse): void {
		forget(this);
	}
	const checkAfter = (ms: number): void => {
		isTimerSet = true;
		setTimeout(check, ms).unref();
	};
	/** Closes connections beyond their time. One timer for the oldest response costs less than one for each. */
	const check = (): void => {
		isTimerSet = false;
		for (const [response, { end }] of unsent) {
			const remaining = end - performance.now();
			if (remaining > 0) {
				checkAfter(remaining);
				return;
			}
			forget(response);
			response.destroy();
		}
	};
	return (response, length) => {
		unsent.set(response, { length, end: performance.now() + time });
		total += length;
		if (!isTimerSet) checkAfter(time);
		// Emitted when the operating system has taken the whole response, or when the client has disconnected.
		response.on('close', onClose);
		for (const [oldest] of unsent) {
			if (total <= bytes || unsent.size === 1) break;
			forget(oldest);
			oldest.destroy();
		}
	};
}

/** A response that is not sent yet. */
interface Unsent {
	/** Bytes. */
	readonly length: number;
	/** The deadline for the client to read it, by `performance.now()`. */
	readonly end: number;
}
