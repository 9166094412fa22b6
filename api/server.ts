import { createServer as createPlain, type Server } from 'node:http';
import { createServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
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
	server.on('clientError', refuseUnreadable);
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

const UNREADABLE: Readonly<Record<string, readonly [status: string, sentence: string]>> = {
	HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
	ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
};

/** What is no HTTP never becomes a call; whoever sent it is told in the form of every other error. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
	if (error.code === 'ECONNRESET' || !socket.writable) {
		socket.destroy();
		return;
	}
	const [status, sentence] = UNREADABLE[error.code ?? ''] ?? ['400 Bad Request', 'this is no HTTP request'];
	const body = JSON.stringify({ error: sentence });
	const head = [
		`HTTP/1.1 ${status}`,
		'content-type: application/json; charset=utf-8',
		`content-length: ${Buffer.byteLength(body)}`,
		'connection: close',
	];
	socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

async function stop(server: Server | TlsServer, grace: number): Promise<void> {
	const closed = new Promise((resolve) => server.close(resolve));
	server.closeIdleConnections();
	const cut = setTimeout(() => server.closeAllConnections(), grace);
	await closed;
	clearTimeout(cut);
}
