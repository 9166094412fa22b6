import type { IncomingMessage } from 'node:http';

/**
 * Limits the bodies that are being read to `most` bytes in all. Beyond the limit it closes the connection of
 * the oldest one. A single body may be longer.
 *
 * @returns a function to call for each request right before its body is read: it starts the body's flow
 */
export function limitBodies(most: number): (request: IncomingMessage) => void {
	/** Bytes read, in the order in which the bodies began. */
	const reading = new Map<IncomingMessage, number>();
	let total = 0;
	const forget = (request: IncomingMessage): void => {
		total -= reading.get(request) ?? 0;
		reading.delete(request);
	};
	return (request) => {
		reading.set(request, 0);
		request.on('data', (chunk: Buffer) => {
			const read = reading.get(request);
			if (read === undefined) return;
			reading.set(request, read + chunk.length);
			total += chunk.length;
			for (const [oldest] of reading) {
				if (total <= most || reading.size === 1) break;
				forget(oldest);
				oldest.socket.destroy();
			}
		});
		for (const end of ['end', 'close']) request.once(end, () => forget(request));
	};
}
