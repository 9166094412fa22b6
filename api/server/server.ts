import type { Duplex } from 'node:stream';
import type { Express } from 'express';
import type { Result } from '../../contract/result.ts';
import type { ServerLimits } from '../../lib/http/limits.ts';
import { type Running, startServer } from '../../lib/http/server.ts';
import type { CertificateSource } from '../../lib/tls/certificate-source.ts';
import { serverTls } from '../../lib/tls/server-tls.ts';

/** Serves `app`, over TLS if there is a certificate. The error says why it cannot listen. */
export function serve(
	app: Express,
	certificate: CertificateSource | undefined,
	at: { readonly host: string; readonly port: number },
	limits: Partial<ServerLimits> = {},
): Promise<Result<Running>> {
	return startServer({
		app,
		at,
		setting: 'ENVTIER_API_LISTEN',
		tls: certificate && serverTls(certificate),
		limits,
		onClientError: refuseUnreadable,
	});
}

const UNREADABLE: Readonly<Record<string, readonly [status: string, sentence: string]>> = {
	HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
	ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
};

/** Answers bytes that are not HTTP with an error in the API's usual form. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
	if (error.code === 'ECONNRESET' || !socket.writable) {
		socket.destroy();
		return;
	}
	const [status, sentence] = UNREADABLE[error.code ?? ''] ?? [
		'400 Bad Request',
		'this is not an HTTP request',
	];
	const body = JSON.stringify({ error: sentence });
	const head = [
		`HTTP/1.1 ${status}`,
		'content-type: application/json; charset=utf-8',
		`content-length: ${Buffer.byteLength(body)}`,
		'connection: close',
	];
	socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
