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
	/** Lengths, in the order in which the answers began. */
	const unsent = new Map<ServerResponse, number>();
	let total = 0;
	return (response, length) => {
		unsent.set(response, length);
		total += length;
		const timer = setTimeout(() => response.destroy(), time);
		const forget = (): void => {
			clearTimeout(timer);
			total -= unsent.get(response) ?? 0;
			unsent.delete(response);
		};
		// "finish" comes when the operating system has taken all of it, "close" when the client is gone.
		for (const end of ['finish', 'close']) response.once(end, forget);
		for (const [oldest] of unsent) {
			if (total <= bytes || unsent.size === 1) break;
			oldest.destroy();
			total -= unsent.get(oldest) ?? 0;
			unsent.delete(oldest);
		}
	};
}
