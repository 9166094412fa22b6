import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { CertificateSource, Pair } from './certificates/source.ts';
import { drainable } from './drain.ts';

/** A running server. */
export interface Running {
	readonly address: AddressInfo;
	/** Takes no new connection, lets calls in flight end within `grace` milliseconds, then cuts what is left. */
	stop(grace: number): Promise<void>;
}

/** Milliseconds that a client may take. */
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
}

/** The API server gives a call 5 s; whoever needs longer is not the API server. */
const LIMITS: Limits = {
	handshakeTimeout: 10_000,
	headersTimeout: 10_000,
	requestTimeout: 15_000,
	keepAliveTimeout: 120_000,
	connectionsCheckingInterval: 5_000,
};

function context({ certificate, key }: Pair): { cert: string; key: string; minVersion: 'TLSv1.2' } {
	return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

/** Serves `app` over TLS with whatever pair is current; a new pair takes effect without dropping a connection. */
export async function serve(
	app: Express,
	certificates: CertificateSource,
	at: { readonly host: string; readonly port: number },
	limits: Partial<Limits> = {},
): Promise<Running> {
	const server = createServer({ ...context(certificates.current()), ...LIMITS, ...limits }, app);
	const stop = drainable(server);
	certificates.onChange((pair) => server.setSecureContext(context(pair)));
	await listening(server, at);
	return { address: server.address() as AddressInfo, stop };
}

function listening(server: Server, at: { readonly host: string; readonly port: number }): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen({ host: at.host || undefined, port: at.port }, () => {
			server.off('error', reject);
			resolve();
		});
	});
}
