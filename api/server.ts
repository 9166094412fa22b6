import { createServer as createPlain, type Server } from 'node:http';
import { createServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { CertificateFiles } from './certificate.ts';

/** A running server. */
export interface Running {
	readonly address: AddressInfo;
	/** Takes no new connection, lets calls in flight end within `grace` milliseconds, then cuts what is left. */
	stop(grace: number): Promise<void>;
}

const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 65_000 } as const;

/** Serves `app`, over TLS when there are certificate files. */
export async function serve(
	app: Express,
	certificate: CertificateFiles | undefined,
	at: { readonly host: string; readonly port: number },
): Promise<Running> {
	const server = certificate === undefined ? createPlain(TIMEOUTS, app) : overTls(app, certificate);
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen({ host: at.host || undefined, port: at.port }, () => {
			server.off('error', reject);
			resolve();
		});
	});
	return { address: server.address() as AddressInfo, stop: (grace) => stop(server, grace) };
}

function overTls(app: Express, certificate: CertificateFiles): TlsServer {
	const options = { ...certificate.current(), minVersion: 'TLSv1.2' } as const;
	const server = createServer({ ...options, ...TIMEOUTS }, app);
	certificate.onChange((pair) => server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' }));
	return server;
}

async function stop(server: Server | TlsServer, grace: number): Promise<void> {
	const closed = new Promise((resolve) => server.close(resolve));
	server.closeIdleConnections();
	const cut = setTimeout(() => server.closeAllConnections(), grace);
	await closed;
	clearTimeout(cut);
}
