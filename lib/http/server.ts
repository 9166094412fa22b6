import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { err, ok, type Result } from '../../contract/result.ts';
import { limitConnections } from './connections.ts';
import { drainable } from './drain.ts';
import { SERVER_LIMITS, type ServerLimits } from './limits.ts';
import { oneRequestAtATime } from './pipelining.ts';

/** A running server. */
export interface Running {
	readonly address: AddressInfo;
	/**
	 * For up to `linger` milliseconds it answers new calls and closes each connection with the response. Then it
	 * takes no new connections, waits up to `grace` milliseconds for calls in flight, and closes the rest.
	 */
	stop(grace: number, linger?: number): Promise<void>;
}

/** The TLS settings of a server. TLS 1.2 is the oldest version, whatever `context` says. */
export interface ServerTls {
	/** Certificate, key, and the CAs of clients. */
	readonly context: SecureContextOptions;
	/** Calls the listener with each new context, which replaces the previous one. Open connections stay. */
	onChange(listener: (context: SecureContextOptions) => void): void;
	/** True: asks clients for a certificate. The application decides about a missing or wrong one. */
	readonly requestCert?: boolean;
}

/** The application, the address and the limits of a server. */
export interface ServerParts {
	readonly app: RequestListener;
	/** An empty host means all addresses; port 0 lets the system choose. */
	readonly at: { readonly host: string; readonly port: number };
	/** The variable that sets host and port, for the error message. */
	readonly setting: string;
	/** Undefined: plain HTTP. */
	readonly tls: ServerTls | undefined;
	/** Limits that differ from `SERVER_LIMITS`. */
	readonly limits?: Partial<ServerLimits> | undefined;
	/** Responds to bytes that are not HTTP; by default Node does. It need not close the connection. */
	readonly onClientError?: ((error: Error, socket: Duplex) => void) | undefined;
	/** Called for failed TLS handshakes, with the client's address. */
	readonly onHandshakeError?: ((error: Error, address: string) => void) | undefined;
}

/**
 * Serves `app` with limits on connections, times and pipelining. All servers of Envtier start here. The error
 * says why it cannot listen, such as `cannot listen on 127.0.0.1:8443 (ENVTIER_LISTEN): the address is in
 * use`.
 */
export async function startServer(parts: ServerParts): Promise<Result<Running>> {
	const { app, at, setting, tls, onClientError, onHandshakeError } = parts;
	const { connections, handshakeTimeout, ...times } = { ...SERVER_LIMITS, ...parts.limits };
	const listener = oneRequestAtATime(app);
	const server =
		tls === undefined
			? createHttpServer(times, listener)
			: overTls(listener, tls, { handshakeTimeout, ...times });
	if (onClientError !== undefined) answerErrors(server, onClientError);
	if (onHandshakeError !== undefined)
		server.on('tlsClientError', (error: Error, socket: TLSSocket) =>
			onHandshakeError(error, socket.remoteAddress ?? ''),
		);
	const stop = drainable(server);
	limitConnections(server, connections);
	const problem = await listening(server, at);
	if (problem !== undefined) return err(`cannot listen on ${formatAddress(at)} (${setting}): ${problem}`);
	return ok({ address: server.address() as AddressInfo, stop });
}

/** Milliseconds that a client has to read the response to its error. */
const READ_TIME = 2_000;

/**
 * Calls `answer` for bytes that are not HTTP, and closes the connection. Node leaves both to the listener,
 * even without a finished handshake. In that case nobody can read a response, and a write to the socket never
 * completes.
 */
function answerErrors(server: Server, answer: (error: Error, socket: Duplex) => void): void {
	const withoutHandshake = new WeakSet<Duplex>();
	// Runs before Node's own listener, which turns it into a client error.
	server.prependListener('tlsClientError', (_error: Error, socket: TLSSocket) =>
		withoutHandshake.add(socket),
	);
	server.on('clientError', (error: Error, socket: Duplex) => {
		if (withoutHandshake.has(socket)) {
			socket.destroy();
			return;
		}
		answer(error, socket);
		setTimeout(() => socket.destroy(), READ_TIME).unref();
	});
}

function overTls(
	app: RequestListener,
	tls: ServerTls,
	times: Omit<ServerLimits, 'connections'>,
): HttpsServer {
	const oldest = { minVersion: 'TLSv1.2' } as const;
	const certificates = { requestCert: tls.requestCert === true, rejectUnauthorized: false };
	const server = createHttpsServer({ ...tls.context, ...oldest, ...certificates, ...times }, app);
	tls.onChange((context) => server.setSecureContext({ ...context, ...oldest }));
	return server;
}

function formatAddress({ host, port }: ServerParts['at']): string {
	return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const REASONS: Readonly<Record<string, string>> = {
	EADDRINUSE: 'the address is in use',
	EADDRNOTAVAIL: 'this machine has no such address',
	EACCES: 'this user may not listen on that port',
	ENOTFOUND: 'the name has no address',
};

/** Why the server cannot listen; undefined once it listens. */
function listening(server: Server, at: ServerParts['at']): Promise<string | undefined> {
	return new Promise((resolve) => {
		const onError = (error: NodeJS.ErrnoException): void =>
			resolve(REASONS[error.code ?? ''] ?? error.code ?? error.message);
		server.once('error', onError);
		server.listen({ host: at.host || undefined, port: at.port }, () => {
			server.off('error', onError);
			resolve(undefined);
		});
	});
}
