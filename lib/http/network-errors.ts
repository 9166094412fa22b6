/** Why a request got no response. */
export interface NetworkError {
	/** `untrusted`: the server's certificate is not trusted. */
	readonly kind: 'unreachable' | 'untrusted';
	/** Node's error code; `TIMEOUT` if the request was aborted; empty if the error has no code. */
	readonly code: string;
	/** Finishes the sentence "HOST …". */
	readonly message: string;
	/** For `untrusted`: what the certificate lacks. */
	readonly lacks?: 'trusted-ca' | 'name' | 'time';
}

const UNREACHABLE: Readonly<Record<string, string>> = {
	ECONNREFUSED: 'refuses the connection: nobody listens there',
	ECONNRESET: 'broke the connection off',
	ENOTFOUND: 'is not a name in DNS here',
	EAI_AGAIN: 'cannot be looked up: DNS does not answer',
	ETIMEDOUT: 'does not answer',
	EHOSTUNREACH: 'cannot be reached from this network',
	ENETUNREACH: 'cannot be reached from this network',
	EPROTO: 'does not speak TLS as expected',
};

const OTHER_CA = ['shows a certificate of a CA that is not trusted', 'trusted-ca'] as const;
const UNTRUSTED: Readonly<Record<string, readonly [string, NonNullable<NetworkError['lacks']>]>> = {
	CERT_HAS_EXPIRED: ['shows a certificate that has expired', 'time'],
	CERT_NOT_YET_VALID: ['shows a certificate that is not valid yet', 'time'],
	DEPTH_ZERO_SELF_SIGNED_CERT: ['shows a self-signed certificate', 'trusted-ca'],
	SELF_SIGNED_CERT_IN_CHAIN: OTHER_CA,
	UNABLE_TO_GET_ISSUER_CERT: OTHER_CA,
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_CA,
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_CA,
	CERT_SIGNATURE_FAILURE: ['shows a certificate that its CA has not signed', 'trusted-ca'],
	ERR_TLS_CERT_ALTNAME_INVALID: ['shows a certificate that is not for this name', 'name'],
};

/** Explains an error of Node's http, https or tls. `timeoutMs` is the request's timeout, for the message. */
export function networkErrorOf(error: unknown, timeoutMs: number): NetworkError {
	if (!(error instanceof Error)) return { kind: 'unreachable', code: '', message: 'failed' };
	if (error.name === 'AbortError' || error.name === 'TimeoutError')
		return {
			kind: 'unreachable',
			code: 'TIMEOUT',
			message: `does not answer within ${timeoutMs / 1000} s`,
		};
	const code = 'code' in error ? String(error.code) : '';
	const untrusted = UNTRUSTED[code];
	if (untrusted !== undefined) return { kind: 'untrusted', code, message: untrusted[0], lacks: untrusted[1] };
	return { kind: 'unreachable', code, message: UNREACHABLE[code] ?? (code || error.message) };
}
