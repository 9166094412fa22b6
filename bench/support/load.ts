import { connect, type TLSSocket } from 'node:tls';

/** The results of a round of load. */
export interface Load {
	/** Responses per second. */
	readonly rate: number;
	/** Milliseconds from request to response, for every call. */
	readonly latencies: readonly number[];
	/** Number of responses with a status other than 200. */
	readonly failures: number;
}

/** The target and the body. The target is always a server of the bench itself, on the loopback interface. */
export interface Target {
	readonly port: number;
	readonly ca: string;
	/** The body of every call, or a function of the call's number. */
	readonly body: string | ((number: number) => string);
}

/** Duration: a number of seconds, or a number of calls with numbers from `first` on. */
export type Extent = number | { readonly calls: number; readonly first: number };

/**
 * Sends POST /mutate over `clients` kept-alive TLS connections, one call at a time on each. Uses bare
 * sockets, so that the client costs little beside the server.
 */
export async function load(target: Target, clients: number, extent: Extent): Promise<Load> {
	const { body } = target;
	const same = typeof body === 'string' ? requestOf(body) : undefined;
	const sockets = await Promise.all(Array.from({ length: clients }, () => open(target)));
	const latencies: number[] = [];
	let failures = 0;
	const start = performance.now();
	const [first, last] =
		typeof extent === 'number' ? [0, Number.POSITIVE_INFINITY] : [extent.first, extent.first + extent.calls];
	const end = typeof extent === 'number' ? start + extent * 1000 : Number.POSITIVE_INFINITY;
	let number = first;
	await Promise.all(
		sockets.map(async (socket) => {
			const answers = answersOn(socket);
			while (performance.now() < end && number < last) {
				const request = same ?? requestOf((body as (number: number) => string)(number));
				number += 1;
				const now = performance.now();
				socket.write(request);
				const { value: status } = await answers.next();
				latencies.push(performance.now() - now);
				if (status !== 200) failures += 1;
			}
			socket.destroy();
		}),
	);
	return { rate: latencies.length / ((performance.now() - start) / 1000), latencies, failures };
}

function requestOf(text: string): Buffer {
	const body = Buffer.from(text);
	const head = `POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
	return Buffer.concat([Buffer.from(head), body]);
}

function open({ port, ca }: Target): Promise<TLSSocket> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => resolve(socket));
		socket.once('error', reject);
		socket.setNoDelay(true);
	});
}

/** The status of each response, in order. Responses have a Content-Length. */
async function* answersOn(socket: TLSSocket): AsyncGenerator<number, never> {
	let pending: Buffer = Buffer.alloc(0);
	for await (const chunk of socket as AsyncIterable<Buffer>) {
		pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
		const headEnd = pending.indexOf('\r\n\r\n');
		if (headEnd < 0) continue;
		const head = pending.toString('latin1', 0, headEnd);
		const length = Number(/content-length: *([0-9]+)/i.exec(head)?.[1] ?? Number.NaN);
		if (!(pending.length >= headEnd + 4 + length)) continue;
		pending = pending.subarray(headEnd + 4 + length);
		yield Number(head.slice(9, 12));
	}
	throw new Error('the server closed a connection under load');
}
