import { X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { err, ok, type Result } from '../../contract/result.ts';
import { networkErrorOf } from '../../lib/http/network-errors.ts';

const TIMEOUT = 10_000;

/**
 * The certificates that a TLS server presents, its own first. Their trust is not checked; the caller does
 * that.
 */
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
			const shown = chainOf(socket.getPeerCertificate(true));
			socket.destroy();
			resolve(ok(shown));
		});
	});
}

function chainOf(leaf: DetailedPeerCertificate): readonly X509Certificate[] {
	const chain: X509Certificate[] = [];
	const seen = new Set<string>();
	// A root is its own issuer.
	for (let one = leaf; one?.raw !== undefined && !seen.has(one.fingerprint256); one = one.issuerCertificate) {
		seen.add(one.fingerprint256);
		chain.push(new X509Certificate(one.raw));
	}
	return chain;
}
