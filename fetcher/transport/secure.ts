import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import { Failure } from '../failure.ts';
import { systemRoots } from './roots.ts';
import type { Secure } from './socket.ts';

/** What ALPN may agree on (RFC 7301), the preferred one first. */
export const PROTOCOLS = ['h2', 'http/1.1'] as const;

/**
 * Whether this is one DER value whose length is the one that it says (X.690, 8.1.3), a SEQUENCE as every certificate is. Node's own parser
 * would tell more, but loading it costs as much as a request, on every start.
 */
function isSequence(der: Buffer): boolean {
	const [tag, short = 0] = der;
	if (tag !== 0x30) return false;
	if (short < 0x80) return der.length === 2 + short;
	const bytes = short & 0x7f;
	return bytes <= 4 && der.length > 2 + bytes && der.length === 2 + bytes + der.readUIntBE(2, bytes);
}

/** OpenSSL passes over what is no certificate, and then trusts nobody. */
function checkCertificates(pem: string): void {
	const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)];
	for (const [i, [, base64 = '']] of blocks.entries()) {
		if (isSequence(Buffer.from(base64, 'base64'))) continue;
		const which = blocks.length === 1 ? 'its PEM block' : `PEM block ${i + 1} of its ${blocks.length}`;
		throw new Failure('settings', `ENVTIER_VAULT_CA must be PEM text of certificates: ${which} is none`);
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
