import { TLSSocket } from 'node:tls';
import type { RequestHandler, Response } from 'express';
import { err, ok, type Result } from '../../contract/result.ts';

/** Who may call `/mutate`, where the settings say that not everybody may. */
export interface ClientAuth {
	/** PEM text: the CA certificates that a caller's certificate has to come from. */
	readonly ca: string;
	/** Common names; undefined: any certificate of these CAs will do. */
	readonly names: readonly string[] | undefined;
}

/** Takes common names, comma-separated. */
export function parseClientNames(text: string): Result<readonly string[]> {
	const names = text.split(',').map((name) => name.trim());
	return names.includes('') ? err('a comma-separated list of common names') : ok(names);
}

/**
 * Answers 401 or 403 to a client without a certificate that `callers` accepts, before the body is read. The
 * server must request client certificates.
 */
export function requireClientCertificate(callers: ClientAuth, refuse: Refuse): RequestHandler {
	return ({ socket }, response, next) => {
		const problem = socket instanceof TLSSocket ? callerProblem(socket, callers) : NO_CERTIFICATE;
		if (problem === undefined) next();
		// Whatever else it wants to send is not waited for.
		else refuse(response.set('connection', 'close'), ...problem);
	};
}

type Refuse = (response: Response, status: number, message: string) => void;
type AuthProblem = readonly [status: number, message: string];

const NO_CERTIFICATE: AuthProblem = [
	401,
	'a client certificate is needed to call /mutate (ENVTIER_CLIENT_CA), and none was shown',
];

/**
 * `authorized` can come from a resumed session. The certificate itself is checked as well, so that a session
 * without one never counts as verified.
 */
function callerProblem(socket: TLSSocket, { names }: ClientAuth): AuthProblem | undefined {
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
