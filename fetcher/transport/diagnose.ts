import { type Endpoint, isAddress, serverNameOf } from './endpoint.ts';
import type { Stage } from './faults.ts';

/** What another attempt to connect came to. */
export type Diagnosis =
	/** It fails with this error of Node's network modules. */
	| { readonly kind: 'error'; readonly error: Error }
	/** It waits at this stage, or has passed all stages before an answer. */
	| { readonly kind: 'stage'; readonly stage: Stage };

/** Milliseconds for one diagnosis: long enough for a slow network, short enough for the second after the deadline. */
const LONGEST = 500;

/**
 * Connects once more and sends no request, to find out what Bun's `fetch` does not tell: at which stage an attempt waits, which TLS alert came, for
 * which names the certificate is, what a proxy says. It verifies the server as every other connection does.
 */
export async function diagnose(endpoint: Endpoint, ca: string | readonly string[]): Promise<Diagnosis> {
	const { host, port, secure, proxy } = endpoint;
	// Not before something went wrong: these modules take time to load.
	const { connect: connectTcp } = await import('node:net');
	const { promise, resolve } = Promise.withResolvers<Diagnosis>();
	let stage: Stage = proxy !== undefined ? 'proxy' : isAddress(host) ? 'connect' : 'dns';
	const tcp = connectTcp(proxy === undefined ? { host, port } : { host: proxy.host, port: proxy.port });
	const end = (diagnosis: Diagnosis): void => {
		clearTimeout(timer);
		tcp.destroy();
		resolve(diagnosis);
	};
	const timer = setTimeout(() => end({ kind: 'stage', stage }), LONGEST);
	const fail = (error: Error): void => end({ kind: 'error', error });
	const secured = async (): Promise<void> => {
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
		tcp.once('connect', () => void secured());
	} else {
		const { openTunnel } = await import('./proxy.ts');
		openTunnel(tcp, proxy.address, { host, port }).then(secured, fail);
	}
	tcp.on('error', (error) => {
		// Until then an error is the proxy's, and the tunnel puts it into words.
		if (stage !== 'proxy') fail(error);
	});
	return await promise;
}
