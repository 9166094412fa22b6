import { connect, type TLSSocket } from 'node:tls';

/** What a round of load saw. */
export interface Load {
	/** Answers a second. */
	readonly rate: number;
	/** Milliseconds from request to answer, of every call. */
	readonly latencies: readonly number[];
	/** Answers whose status was not 200. */
	readonly failures: number;
}

/** Where to send what. Only ever a server that the bench started itself, on loopback. */
export interface Target {
	readonly port: number;
	readonly ca: string;
	readonly body: string;
}

/**
 * Sends the same POST /mutate over `clients` kept-alive TLS connections, each one call at a time, for `seconds`. Written on bare sockets so that the
 * client costs little beside the server.
 */
export async function load(target: Target, clients: number, seconds: number): Promise<Load> {
	const body = Buffer.from(target.body);
	const head = `POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
	const request = Buffer.concat([Buffer.from(head), body]);
	const sockets = await Promise.all(Array.from({ length: clients }, () => open(target)));
	const latencies: number[] = [];
	let failures = 0;
	const start = performance.now();
	const end = start + seconds * 1000;
	await Promise.all(
		sockets.map(async (socket) => {
			const answers = answersOn(socket);
			for (let now = performance.now(); now < end; ) {
				socket.write(request);
				const { value: status } = await answers.next();
				const then = performance.now();
				latencies.push(then - now);
				if (status !== 200) failures += 1;
				now = then;
			}
			socket.destroy();
		}),
	);
	return { rate: latencies.length / ((performance.now() - start) / 1000), latencies, failures };
}

function open({ port, ca }: Target): Promise<TLSSocket> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => resolve(socket));
		socket.once('error', reject);
		socket.setNoDelay(true);
	});
}

/** The status of each answer, in order; answers carry a content-length. */
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
