import type { SecureContextOptions } from 'node:tls';
import type { ServerTls } from '../http/server.ts';
import type { CertificateSource, ServingCertificate } from './certificate-source.ts';

/**
 * Serves the current certificate of `source`, and every new one without closing a connection.
 *
 * @param clientCa CA certificates of clients, PEM text. If set, the server asks clients for a certificate,
 * and the application decides about a missing or wrong one
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
