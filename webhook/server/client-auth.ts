import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { err, ok, type Result } from '../../contract/result.ts';

/** The clients that may call `/mutate`, if the settings restrict them. */
export interface ClientAuth {
	/** PEM text: the CAs of accepted client certificates. */
	readonly ca: string;
	/** Common names; undefined: any. */
	readonly names: readonly string[] | undefined;
}

/** Takes common names, comma-separated. */
export function parseClientNames(text: string): Result<readonly string[]> {
	const names = text.split(',').map((name) => name.trim());
	return names.includes('') ? err('a comma-separated list of common names') : ok(names);
}

/** Why a caller is refused: a status of 401 or 403, and a sentence. */
export type AuthProblem = readonly [status: number, message: string];

const NO_CERTIFICATE: AuthProblem = [
	401,
	'a call to /mutate needs a client certificate (ENVTIER_CLIENT_CA), and none was presented',
];

/**
 * Why the client on `socket` may not call; undefined: it has a certificate that `callers` accepts. The server
 * must request client certificates.
 *
 * `authorized` can come from a resumed session. The certificate itself is checked as well, so that a session
 * without one never counts as verified.
 */
export function callerProblem(socket: Socket, { names }: ClientAuth): AuthProblem | undefined {
	if (!(socket instanceof TLSSocket)) return NO_CERTIFICATE;
	const certificate = socket.getPeerCertificate();
	// Without a certificate it is an empty object, or null once the connection is gone.
	if (!certificate?.raw) return NO_CERTIFICATE;
	if (!socket.authorized)
		return [403, 'the client certificate is not one of the CAs in ENVTIER_CLIENT_CA, or not valid now'];
	if (names === undefined) return undefined;
	const own = [certificate.subject.CN].flat();
	return names.some((name) => own.includes(name))
		? undefined
		: [403, 'the common name of the client certificate is not in ENVTIER_CLIENT_NAMES'];
}
