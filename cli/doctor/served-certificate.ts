import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { err, ok, type Result } from '../../contract/result.ts';
import { networkErrorOf } from '../../lib/http/network-errors.ts';

const TIMEOUT = 10_000;

/** The certificates that a TLS server presents, its own first. Does not verify them; the caller does. */
export function shownCertificates(url: URL): Promise<Result<readonly X509Certificate[]>> {
	return new Promise((resolve) => {
		const host = url.hostname.replace(/^\[|\]$/g, '');
		const socket = connect({ host, port: Number(url.port || 443), rejectUnauthorized: false });
		const failed = (error: unknown): void => {
			socket.destroy();
			resolve(err(networkErrorOf(error, TIMEOUT).message));
		};
		socket.setTimeout(TIMEOUT, () => failed(Object.assign(new Error('timeout'), { name: 'TimeoutError' })));
		socket.on('error', failed);
		socket.on('secureConnect', () => {
			const chain = chainOf(socket.getPeerCertificate(true));
			socket.destroy();
			resolve(ok(chain));
		});
	});
}

function chainOf(leaf: DetailedPeerCertificate): readonly X509Certificate[] {
	const chain: X509Certificate[] = [];
	const fingerprints = new Set<string>();
	// A root certificate is its own issuer.
	for (
		let one = leaf;
		one?.raw !== undefined && !fingerprints.has(one.fingerprint256);
		one = one.issuerCertificate
	) {
		fingerprints.add(one.fingerprint256);
		chain.push(new X509Certificate(one.raw));
	}
	return chain;
}
