import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { CertsFailure } from './failure.ts';

/** The certificate that a server presents in a handshake. */
export interface PresentedCertificate {
	/** SHA-256 of its certificate, as Node and OpenSSL write it. */
	readonly fingerprint: string;
}

const TIMEOUT_MS = 10_000;

/** Connects to an address and returns the server's certificate. `name` is the server's name in errors. */
export function presentedBy(name: string, host: string, port: number): Promise<PresentedCertificate> {
	return handshake(name, { host, port });
}

/** Returns the certificate of the server at the other end of a stream. */
export function presentedThrough(name: string, socket: Duplex): Promise<PresentedCertificate> {
	return handshake(name, { socket });
}

function handshake(name: string, to: ConnectionOptions): Promise<PresentedCertificate> {
	return new Promise((resolve, reject) => {
		// The result only identifies the certificate, so there is no need to verify it.
		const socket = connect({ ...to, rejectUnauthorized: false });
		const end = (then: () => void): void => {
			clearTimeout(timer);
			socket.destroy();
			then();
		};
		const fail = (reason: string): void =>
			end(() => reject(new CertsFailure(`${name} shows no certificate: ${reason}`)));
		const timer = setTimeout(() => fail(`no answer in ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS);
		socket.on('error', (error) => fail(error.message));
		socket.on('close', () => fail('it closed the connection'));
		socket.on('secureConnect', () => {
			const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
			if (certificate === undefined) fail('none came');
			else end(() => resolve({ fingerprint: certificate.fingerprint256 }));
		});
	});
}
