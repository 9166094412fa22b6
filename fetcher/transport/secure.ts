import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import { systemRoots } from './roots.ts';
import type { Secure } from './socket.ts';

/** What ALPN may agree on (RFC 7301), the preferred one first. */
export const PROTOCOLS = ['h2', 'http/1.1'] as const;

/**
 * Makes a function that puts TLS on connections to `host`. Verification and TLS 1.2 are stated although they are Node's defaults:
 * NODE_TLS_REJECT_UNAUTHORIZED and NODE_OPTIONS could change those.
 *
 * @param ca PEM text in the form that `parseCaBundle` gives; undefined: the system's roots
 */
export function makeSecure(host: string, ca: string | undefined): Secure {
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
