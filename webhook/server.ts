import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { CertificateSource, Pair } from './certificates/source.ts';

/** A running server. */
export interface Running {
	readonly address: AddressInfo;
	/** Takes no new connection, lets calls in flight end within `grace` milliseconds, then cuts what is left. */
	stop(grace: number): Promise<void>;
}

/** The API server gives a call 5 s; whoever needs longer for headers or body is not the API server. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 120_000 } as const;

function context({ certificate, key }: Pair): { cert: string; key: string; minVersion: 'TLSv1.2' } {
	return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

/** Serves `app` over TLS with whatever pair is current; a new pair takes effect without dropping a connection. */
export async function serve(
	app: Express,
	certificates: CertificateSource,
	at: { readonly host: string; readonly port: number },
): Promise<Running> {
	const server = createServer({ ...context(certificates.current()), ...TIMEOUTS }, app);
	certificates.onChange((pair) => server.setSecureContext(context(pair)));
	await listening(server, at);
	return { address: server.address() as AddressInfo, stop: (grace) => stop(server, grace) };
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

async function stop(server: Server, grace: number): Promise<void> {
	const closed = new Promise((resolve) => server.close(resolve));
	server.closeIdleConnections();
	const cut = setTimeout(() => server.closeAllConnections(), grace);
	await closed;
	clearTimeout(cut);
}
