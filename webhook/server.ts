import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Express } from 'express';
import { err, ok, type Result } from '../contract/result.ts';
import type { Callers } from './callers.ts';
import type { CertificateSource, Pair } from './certificates/source.ts';
import { boundConnections } from './crowd.ts';
import { drainable } from './drain.ts';

/** A running server. */
export interface Running {
	readonly address: AddressInfo;
	/**
	 * Answers for up to `linger` milliseconds what still comes, closing each connection with its answer; then takes no new connection, lets
	 * calls in flight end within `grace` milliseconds, and cuts what is left.
	 */
	stop(grace: number, linger?: number): Promise<void>;
}

/** Milliseconds that a client may take, and how many clients there may be. */
interface Limits {
	/** For the TLS handshake. */
	readonly handshakeTimeout: number;
	readonly headersTimeout: number;
	/** For headers and body. */
	readonly requestTimeout: number;
	/** Between two requests. */
	readonly keepAliveTimeout: number;
	/** How often the clocks of headers and requests are looked at. */
	readonly connectionsCheckingInterval: number;
	/** Connections at a time. */
	readonly connections: number;
}

/** The API server gives a call 5 s; whoever needs longer is not the API server. */
const LIMITS: Limits = {
	handshakeTimeout: 10_000,
	headersTimeout: 10_000,
	requestTimeout: 15_000,
	keepAliveTimeout: 120_000,
	connectionsCheckingInterval: 5_000,
	// An API server has a few hundred calls of all kinds in flight, and a connection for each.
	connections: 2000,
};

function context({ certificate, key }: Pair, clientCa: string | undefined): SecureContextOptions {
	const own: SecureContextOptions = { cert: certificate, key, minVersion: 'TLSv1.2' };
	return clientCa === undefined ? own : { ...own, ca: clientCa };
}

/**
 * Serves `app` over TLS with whatever pair is current; a new pair takes effect without dropping a connection. The error says why it
 * cannot listen.
 */
export async function serve(
	app: Express,
	certificates: CertificateSource,
	at: At,
	limits: Partial<Limits> = {},
): Promise<Result<Running>> {
	const clientCa = at.callers?.ca;
	// Asked for, not insisted on: the kubelet's probes and Prometheus have none, and may look at the other paths.
	const asksForCertificate = { requestCert: clientCa !== undefined, rejectUnauthorized: false };
	const { connections, ...times } = { ...LIMITS, ...limits };
	const server = createServer(
		{ ...context(certificates.current(), clientCa), ...asksForCertificate, ...times },
		app,
	);
	const stop = drainable(server);
	boundConnections(server, connections);
	certificates.onChange((pair) => server.setSecureContext(context(pair, clientCa)));
	const problem = await listening(server, at);
	if (problem !== undefined) return err(`cannot listen on ${written(at)} (ENVTIER_LISTEN): ${problem}`);
	return ok({ address: server.address() as AddressInfo, stop });
}

interface At {
	readonly host: string;
	readonly port: number;
	/** Set: clients are asked for a certificate of these CAs; the application sees to what comes of it. */
	readonly callers?: Callers | undefined;
}

function written({ host, port }: At): string {
	return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const REASONS: Readonly<Record<string, string>> = {
	EADDRINUSE: 'the address is in use',
	EADDRNOTAVAIL: 'this machine has no such address',
	EACCES: 'this user may not listen on that port',
	ENOTFOUND: 'the name has no address',
};

/** What keeps the server from listening, if anything does. */
function listening(server: Server, at: At): Promise<string | undefined> {
	return new Promise((resolve) => {
		const failed = (error: NodeJS.ErrnoException): void =>
			resolve(REASONS[error.code ?? ''] ?? error.code ?? error.message);
		server.once('error', failed);
		server.listen({ host: at.host || undefined, port: at.port }, () => {
			server.off('error', failed);
			resolve(undefined);
		});
	});
}
