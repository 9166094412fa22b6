import type { RequestListener } from 'node:http';
import type { Result } from '../../contract/result.ts';
import type { ServerLimits } from '../../lib/http/limits.ts';
import { type Running, startServer } from '../../lib/http/server.ts';
import type { CertificateSource } from '../../lib/tls/certificate-source.ts';
import { serverTls } from '../../lib/tls/server-tls.ts';
import type { ClientAuth } from './client-auth.ts';

/** Differences from the default limits: the API server gives a call 5 s and keeps its connections open. */
const LIMITS: Partial<ServerLimits> = {
	requestTimeout: 15_000,
	keepAliveTimeout: 120_000,
	// An API server has a few hundred calls in flight, each on its own connection.
	connections: 2000,
};

/** Serves `app` over TLS with the current certificate. The error says why it cannot listen. */
export function serve(
	app: RequestListener,
	certificates: CertificateSource,
	at: At,
	limits: Partial<ServerLimits> = {},
): Promise<Result<Running>> {
	return startServer({
		app,
		at,
		setting: 'ENVTIER_LISTEN',
		// Client certificates are requested, not required: the kubelet's probes and Prometheus use the other paths.
		tls: serverTls(certificates, at.callers?.ca),
		limits: { ...LIMITS, ...limits },
		onHandshakeError: at.onHandshakeError,
	});
}

interface At {
	readonly host: string;
	readonly port: number;
	/** Set: clients are asked for a certificate of these CAs; the application sees to what comes of it. */
	readonly callers?: ClientAuth | undefined;
	/** Called for failed TLS handshakes, with the client's address. */
	readonly onHandshakeError?: ((error: Error, address: string) => void) | undefined;
}
