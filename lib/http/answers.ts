import type { ServerResponse } from 'node:http';

/** Limits on answers that clients do not read. */
export interface AnswerLimits {
	/** Bytes of all answers that are not sent yet. Beyond them the connection of the oldest one is closed. */
	readonly bytes: number;
	/** Milliseconds that one client may take to read its answer. */
	readonly time: number;
}

/**
 * Limits the memory of answers: a client that asks and never reads keeps its answer in the server.
 *
 * @returns what to call with each answer and its length, right before it is sent
 */
export function limitAnswers({
	bytes,
	time,
}: AnswerLimits): (response: ServerResponse, length: number) => void {
	/** In the order in which the answers began. */
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
	/** Closes what has taken too long. One timer for the oldest answer costs less than one for each. */
	const check = (): void => {
		isTimerSet = false;
		for (const [response, { end }] of unsent) {
			const left = end - performance.now();
			if (left > 0) {
				checkAfter(left);
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
		// It comes as soon as the operating system has taken all of the answer, or when the client is gone.
		response.on('close', onClose);
		for (const [oldest] of unsent) {
			if (total <= bytes || unsent.size === 1) break;
			forget(oldest);
			oldest.destroy();
		}
	};
}

/** An answer that is not sent yet. */
interface Unsent {
	/** Bytes. */
	readonly length: number;
	/** When the client must have read it, by `performance.now()`. */
	readonly end: number;
}
