import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What happens to one connection through the proxy; bytes are those that the server sends, TLS included. */
export type TcpFault =
	| { readonly kind: 'pass' }
	/** Sends a reset (RST) after so many bytes. */
	| { readonly kind: 'reset'; readonly after: number }
	/** Ends the stream (FIN) after so many bytes. */
	| { readonly kind: 'end'; readonly after: number }
	/** Takes everything and says nothing, after so many bytes. */
	| { readonly kind: 'silent'; readonly after: number }
	/** Passes so many bytes at full speed, then one byte every `everyMs`. */
	| { readonly kind: 'trickle'; readonly after: number; readonly everyMs: number };

/** A proxy between a client and a real server. */
export interface TcpProxy extends AsyncDisposable {
	readonly port: number;
	/** How many connections came. */
	connections(): number;
	/** Bytes that the server sent so far, over all connections. */
	received(): number;
	/** Applies to connections from now on; `number` counts from 1. */
	setFault(fault: (number: number) => TcpFault): void;
	/** Milliseconds that each direction takes from now on. */
	setDelay(ms: number): void;
	/** Stops listening, so that connections are refused, or listens again. */
	refuse(refused: boolean): Promise<void>;
}

/** How a proxy reaches the server. */
export interface TcpProxyOptions {
	/** Speaks TLS to the server, trusting this CA, and plain text to clients: faults then hit HTTP itself. */
	readonly unwrap?: string;
}

/** Starts a proxy to a port of this machine. By default it forwards everything. */
export async function startTcpProxy(targetPort: number, { unwrap }: TcpProxyOptions = {}): Promise<TcpProxy> {
	const sockets = new Set<Socket>();
	let faultOf: (number: number) => TcpFault = () => ({ kind: 'pass' });
	let delay = 0;
	let connections = 0;
	let received = 0;
	const server = createServer({ noDelay: true }, (client) => {
		connections += 1;
		const target = { port: targetPort, host: '127.0.0.1', noDelay: true };
		const upstream = unwrap === undefined ? connect(target) : connectTls({ ...target, ca: unwrap });
		for (const socket of [client, upstream]) {
			sockets.add(socket);
			socket.on('close', () => sockets.delete(socket));
			socket.on('error', () => socket.destroy());
		}
		upstream.on('data', (chunk: Buffer) => {
			received += chunk.length;
		});
		relay(client, upstream, { kind: 'pass' }, () => delay);
		relay(upstream, client, faultOf(connections), () => delay);
	});
	const listen = (port: number): Promise<void> =>
		new Promise((resolve, reject) => {
			server.once('error', reject);
			server.listen(port, '127.0.0.1', resolve);
		});
	await listen(0);
	const { port } = server.address() as AddressInfo;
	const close = (): Promise<void> =>
		new Promise((resolve) => {
			if (server.listening) server.close(() => resolve());
			else resolve();
			for (const socket of sockets) socket.destroy();
		});
	return {
		port,
		connections: () => connections,
		received: () => received,
		setFault: (fault) => {
			faultOf = fault;
		},
		setDelay: (ms) => {
			delay = ms;
		},
		refuse: async (refused) => {
			if (refused) await close();
			else if (!server.listening) await listen(port);
		},
		[Symbol.asyncDispose]: close,
	};
}

/** Carries bytes one way, in order, with the delay and the fault. */
function relay(from: Socket, to: Socket, fault: TcpFault, delay: () => number): void {
	const limit = fault.kind === 'pass' ? Number.POSITIVE_INFINITY : fault.after;
	const beyond = fault.kind === 'pass' ? () => undefined : makeFault(fault, from, to);
	let passed = 0;
	const forward = (chunk: Buffer): void => {
		if (to.destroyed) return;
		const whole = chunk.subarray(0, Math.max(0, limit - passed));
		passed += chunk.length;
		if (whole.length > 0) to.write(whole);
		if (passed > limit) beyond(chunk.subarray(whole.length));
	};
	const later = (work: () => void): void => {
		const ms = delay();
		if (ms > 0) setTimeout(work, ms);
		else work();
	};
	// A server speaks only when spoken to: with nothing allowed, the fault does not wait for that.
	if (limit === 0) beyond(Buffer.alloc(0));
	from.on('data', (chunk: Buffer) => later(() => forward(chunk)));
	from.on('end', () => later(() => void (fault.kind === 'silent' || to.end())));
	from.on('close', () => later(() => void (fault.kind === 'silent' || to.destroySoon())));
}

/** What happens to the bytes after the limit. */
function makeFault(
	fault: Exclude<TcpFault, { kind: 'pass' }>,
	from: Socket,
	to: Socket,
): (rest: Buffer) => void {
	switch (fault.kind) {
		case 'reset':
			return () => {
				to.resetAndDestroy();
				from.destroy();
			};
		case 'end':
			return () => {
				to.end();
				from.destroy();
			};
		case 'silent':
			return () => undefined;
		case 'trickle':
			return makeTrickle(to, fault.everyMs);
		default:
			return fault satisfies never;
	}
}

/** Writes one byte at a time; chunks that come in between wait for their turn. */
function makeTrickle(to: Socket, everyMs: number): (rest: Buffer) => void {
	let waiting = Buffer.alloc(0);
	const timer = setInterval(() => {
		if (waiting.length === 0 || to.destroyed) return;
		to.write(waiting.subarray(0, 1));
		waiting = waiting.subarray(1);
	}, everyMs);
	to.on('close', () => clearInterval(timer));
	return (rest) => {
		waiting = Buffer.concat([waiting, rest]);
	};
}
