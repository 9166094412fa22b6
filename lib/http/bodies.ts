import type { IncomingMessage } from 'node:http';

/**
 * Limits the bodies that are being read to `most` bytes in total. Beyond the limit it closes the connection
 * of the oldest one. A single body may be longer.
 *
 * @returns a function to call for each request right before its body is read: it starts the body's flow
 */
export function limitBodies(most: number): (request: IncomingMessage) => void {
	/** Bytes read so far of bodies that arrive in several pieces, in the order in which they began. */
	const reading = new Map<IncomingMessage, number>();
	let total = 0;
	const forget = (request: IncomingMessage): void => {
		total -= reading.get(request) ?? 0;
		reading.delete(request);
	};
	const begin = (request: IncomingMessage): void => {
		reading.set(request, 0);
		for (const end of ['end', 'close']) request.once(end, () => forget(request));
	};
	const closeOldest = (): void => {
		for (const [oldest] of reading) {
			if (total <= most || reading.size === 1) return;
			forget(oldest);
			oldest.socket.destroy();
		}
	};
	return (request) => {
		const whole = Number(request.headers['content-length']);
		request.on('data', (chunk: Buffer) => {
			// Most bodies arrive in one piece, which is complete. A closed connection may still emit data.
			if (chunk.length === whole || request.socket.destroyed) return;
			if (!reading.has(request)) begin(request);
			reading.set(request, (reading.get(request) ?? 0) + chunk.length);
			total += chunk.length;
			closeOldest();
		});
	};
}
