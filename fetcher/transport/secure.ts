import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import { Failure } from '../failure.ts';
import { systemRoots } from './roots.ts';
import type { Secure } from './socket.ts';

/** What ALPN may agree on (RFC 7301), the preferred one first. */
export const PROTOCOLS = ['h2', 'http/1.1'] as const;

/** OpenSSL passes over what is no certificate, and then trusts nobody. */
function checkCertificates(pem: string): void {
	const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
	for (const [i, block] of blocks.entries()) {
		try {
			new X509Certificate(block);
		} catch {
			const which = blocks.length === 1 ? 'its PEM block' : `PEM block ${i + 1} of its ${blocks.length}`;
			throw new Failure('settings', `ENVTIER_VAULT_CA must be PEM text of certificates: ${which} is none`);
		}
	}
}

/**
 * Makes a function that puts TLS on connections to `host`. Verification and TLS 1.2 are stated although they are Node's defaults:
 * NODE_TLS_REJECT_UNAUTHORIZED and NODE_OPTIONS could change those.
 *
 * @param ca PEM text; undefined: the system's roots
 */
export function makeSecure(host: string, ca: string | undefined): Secure {
	if (ca !== undefined) checkCertificates(ca);
	const roots = ca ?? systemRoots();
	const secureContext = createSecureContext({
		ca: typeof roots === 'string' ? roots : [...roots],
		minVersion: 'TLSv1.2',
	});
	return (socket) =>
		connect({
			socket,
			host,
			// An IP address is no server name (RFC 6066); it is compared with the certificate all the same.
			servername: isIP(host) === 0 ? host : '',
			secureContext,
			ALPNProtocols: [...PROTOCOLS],
			rejectUnauthorized: true,
		});
}
