import type { SecureContextOptions } from 'node:tls';
import type { ServerTls } from '../http/server.ts';
import type { CertificateSource, ServingCertificate } from './certificate-source.ts';

/**
 * Serves the current certificate of `source`, and each new one without closing a connection.
 *
 * @param clientCa CA certificates of clients, PEM text. Given: clients are asked for a certificate, and the
 * application decides about one that is missing or wrong
 */
export function serverTls(source: CertificateSource, clientCa?: string): ServerTls {
	const context = ({ certificate, key }: ServingCertificate): SecureContextOptions => ({
		cert: certificate,
		key,
		...(clientCa === undefined ? {} : { ca: clientCa }),
	});
	return {
		context: context(source.current()),
		onChange: (listener) => source.onChange((pair) => listener(context(pair))),
		requestCert: clientCa !== undefined,
	};
}
