import { StringDecoder } from 'node:string_decoder';
import type { ApiStream } from './client.ts';

/** What every object has of which a watch needs to know. */
export interface Listed {
	readonly metadata: {
		readonly name: string;
		readonly namespace?: string;
		readonly resourceVersion: string;
		readonly labels?: Readonly<Record<string, string>>;
		readonly annotations?: Readonly<Record<string, string>>;
	};
}

/** An object that has come, changed or gone; or the word that nothing before this version is still to come. */
export interface Change {
	readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
	readonly object: Listed;
}

/** One line of a watch. */
export type WatchEvent = Change | { readonly type: 'ERROR'; readonly object: { readonly message?: string } };

const broken = (message: string): WatchEvent => ({ type: 'ERROR', object: { message } });

/** The events of a watch, one JSON object a line, until it ends. A connection that breaks off ends it; a line that is no event is an error. */
export async function* watchEvents(stream: ApiStream): AsyncGenerator<WatchEvent, void> {
	for await (const line of lines(stream)) {
		const event = decoded(line);
		yield event ?? broken('sends something that is not an event');
		if (event === undefined) return;
	}
}

async function* lines(stream: ApiStream): AsyncGenerator<string, void> {
	const decoder = new StringDecoder('utf8');
	let rest = '';
	const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
	for (;;) {
		// Broken off or ended by the server: either way the watch is taken up where it was.
		const next = await chunks.next().catch(() => undefined);
		if (next === undefined || next.done === true) return;
		const parts = (rest + decoder.write(next.value)).split('\n');
		rest = parts.pop() ?? '';
		yield* parts;
	}
}

function decoded(line: string): WatchEvent | undefined {
	try {
		const event = JSON.parse(line) as WatchEvent;
		return typeof event.object === 'object' && event.object !== null ? event : undefined;
	} catch {
		return undefined;
	}
}
