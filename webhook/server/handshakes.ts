import type { Logger } from 'pino';
import { type CertificateSource, isValidAt } from '../../lib/tls/certificate-source.ts';

/** OpenSSL names of the alerts by which a client rejects our certificate (RFC 8446, section 6.2). */
const REJECTED =
	/ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_(?:EXPIRED|UNKNOWN|REVOKED)|UNSUPPORTED_CERTIFICATE)$/;

/** Milliseconds between two lines, because any client can fail handshakes. */
const LOG_INTERVAL = 60_000;

/** The source of the certificate; it decides the advice. */
export type CertificateKind = 'files' | 'self';

const RENEW: Readonly<Record<CertificateKind, string>> = {
	files: 'renew it with "node deploy/certs/main.ts", or have cert-manager do so (docs/certificates.md)',
	self: 'the webhook renews it itself: look in this log for "certificate"',
};

const TRUST: Readonly<Record<CertificateKind, string>> = {
	files:
		'write the CA of the Secret into the caBundle of the MutatingWebhookConfiguration: "node deploy/certs/main.ts" does; cert-manager does with the annotation cert-manager.io/inject-ca-from',
	self: 'the webhook writes the caBundle itself: look in this log for "certificate", and whether somebody else writes it, too',
};

/**
 * Makes the listener for failed TLS handshakes. If a client, usually the API server, rejects the certificate,
 * it logs the likely cause, at most once a minute. Otherwise only the API server and whoever creates pods
 * would see it. Other failures are logged at level debug.
 */
export function handshakeLog(
	source: CertificateSource,
	kind: CertificateKind,
	log: Logger,
	every = LOG_INTERVAL,
): (error: Error, address: string) => void {
	let lastLogged = Number.NEGATIVE_INFINITY;
	let failures = 0;
	return (error, address) => {
		const code = 'code' in error ? String(error.code) : '';
		if (!REJECTED.test(code)) {
			log.debug({ code, address }, 'TLS handshake failed');
			return;
		}
		failures += 1;
		if (performance.now() - lastLogged < every) return;
		lastLogged = performance.now();
		const { notBefore, notAfter } = source.current();
		const valid = isValidAt(source.current(), new Date());
		log.warn(
			{
				code,
				address,
				failures,
				notBefore,
				notAfter,
				likelyCause: valid
					? 'the caBundle of the webhook configuration does not hold the CA of this certificate, or the certificate is for another name'
					: 'the certificate is not valid now',
				whatToDo: valid ? TRUST[kind] : RENEW[kind],
			},
			'TLS handshake failed: the caller rejects the certificate',
		);
		failures = 0;
	};
}
