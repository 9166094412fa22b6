import { type Endpoint, isAddress, serverNameOf } from './endpoint.ts';
import type { Stage } from './network-errors.ts';

/** The result of another attempt to connect. */
export type Diagnosis =
	/** The attempt failed with this error of Node's network modules. */
	| { readonly kind: 'error'; readonly error: Error }
	/** The attempt reached this stage. `answer` means that the connection works. */
	| { readonly kind: 'stage'; readonly stage: Stage };

/** Timeout of one diagnosis, in ms. The fetcher may take a second after its deadline. */
const TIMEOUT = 500;

/**
 * Connects again, without a request, to find what Bun's `fetch` does not report: the stage of a timeout,
 * the TLS alert, the names of the certificate, the proxy's error. It verifies the server like every other
 * connection.
 */
export async function diagnose(endpoint: Endpoint, ca: string | readonly string[]): Promise<Diagnosis> {
	const { host, port, secure, proxy } = endpoint;
	// Loaded here, because these modules take time to load and are only needed after an error.
	const { connect: connectTcp } = await import('node:net');
	const { promise, resolve } = Promise.withResolvers<Diagnosis>();
	let stage: Stage = proxy !== undefined ? 'proxy' : isAddress(host) ? 'connect' : 'dns';
	const tcp = connectTcp(proxy === undefined ? { host, port } : { host: proxy.host, port: proxy.port });
	const end = (diagnosis: Diagnosis): void => {
		clearTimeout(timer);
		tcp.destroy();
		resolve(diagnosis);
	};
	const timer = setTimeout(() => end({ kind: 'stage', stage }), TIMEOUT);
	const fail = (error: Error): void => end({ kind: 'error', error });
	const startTls = async (): Promise<void> => {
		stage = secure ? 'tls' : 'answer';
		if (!secure) return end({ kind: 'stage', stage });
		const { connect: connectTls } = await import('node:tls');
		const socket = connectTls({
			socket: tcp,
			host: endpoint.tlsName,
			servername: serverNameOf(endpoint) ?? '',
			ca: typeof ca === 'string' ? ca : [...ca],
			minVersion: 'TLSv1.2',
			ALPNProtocols: ['h2', 'http/1.1'],
			rejectUnauthorized: true,
		});
		socket.on('error', fail);
		socket.once('secureConnect', () => end({ kind: 'stage', stage: 'answer' }));
	};
	if (proxy === undefined) {
		tcp.once('lookup', () => {
			stage = 'connect';
		});
		tcp.once('connect', () => void startTls());
	} else {
		const { openTunnel } = await import('./proxy.ts');
		openTunnel(tcp, proxy.address, { host, port }).then(startTls, fail);
	}
	tcp.on('error', (error) => {
		// At the stage `proxy` the tunnel reports the errors.
		if (stage !== 'proxy') fail(error);
	});
	return await promise;
}
