import type { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { CertsFailure } from './failure.ts';

/** What a server shows in a handshake. */
export interface PresentedCertificate {
	/** SHA-256 of its certificate, as Node and OpenSSL write it. */
	readonly fingerprint: string;
}

const TIMEOUT_MS = 10_000;

/** Asks the server at an address for its certificate. `name` stands for it in errors. */
export function presentedBy(name: string, host: string, port: number): Promise<PresentedCertificate> {
	return handshake(name, { host, port });
}

/** Asks the server at the other end of a stream. */
export function presentedThrough(name: string, socket: Duplex): Promise<PresentedCertificate> {
	return handshake(name, { socket });
}

function handshake(name: string, to: ConnectionOptions): Promise<PresentedCertificate> {
	return new Promise((resolve, reject) => {
		// Who signed it is not the question here, but which one it is.
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
			const shown: X509Certificate | undefined = socket.getPeerX509Certificate();
			if (shown === undefined) fail('none came');
			else end(() => resolve({ fingerprint: shown.fingerprint256 }));
		});
	});
}
