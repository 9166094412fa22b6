import { ANSWER_LIMITS, parseJson } from '../parse/json.ts';

/** The fields of an object that a watch needs. */
export interface Listed {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly resourceVersion: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly annotations?: Readonly<Record<string, string>>;
	};
}

/** A change of an object (added, modified or deleted), or a bookmark, which has only a version. */
export interface Change {
	readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
	readonly object: Listed;
}

/** One line of a watch. */
export type WatchEvent = Change | { readonly type: 'ERROR'; readonly object: { readonly message?: string } };

const broken = (message: string): WatchEvent => ({ type: 'ERROR', object: { message } });

/** Maximum size of one event, in bytes. An object has at most 3 MiB in etcd. */
export const EVENT_LIMIT = 4 * 1024 * 1024;
const LINE_FEED = 0x0a;

/**
 * The events of a watch, one JSON object a line, until the connection ends. A line that is not an event, or
 * longer than `EVENT_LIMIT`, is an error and the last event.
 */
export async function* watchEvents(stream: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent, void> {
	for await (const line of lines(stream)) {
		if (line === undefined) return yield broken(`sends an event of more than ${EVENT_LIMIT} bytes`);
		const event = decoded(line);
		yield event ?? broken('sends something that is not an event');
		if (event === undefined) return;
	}
}

/** Each complete line. A line that is too long gives undefined, as the last element. */
async function* lines(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer | undefined, void> {
	/** The parts of an incomplete line. Joined once, so that the time is proportional to its length. */
	let parts: Buffer[] = [];
	let size = 0;
	const chunks = stream[Symbol.asyncIterator]();
	for (;;) {
		// Whether it broke off or the server ended it, the watch continues at its last version.
		const next = await chunks.next().catch(() => undefined);
		if (next === undefined || next.done === true) return;
		let rest = next.value;
		for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
			if (size + end > EVENT_LIMIT) return yield undefined;
			yield Buffer.concat([...parts, rest.subarray(0, end)]);
			[parts, size, rest] = [[], 0, rest.subarray(end + 1)];
		}
		parts.push(rest);
		size += rest.length;
		if (size > EVENT_LIMIT) return yield undefined;
	}
}

function decoded(line: Buffer): WatchEvent | undefined {
	const parsed = parseJson(line, ANSWER_LIMITS);
	const event = (parsed.ok ? parsed.value : undefined) as WatchEvent | null | undefined;
	return typeof event?.object === 'object' && event.object !== null ? event : undefined;
}
