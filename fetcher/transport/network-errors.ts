import { object } from '../../lib/json.ts';
import { type Obstacle, UNREACHABLE } from '../advice.ts';
import { Failure } from '../failure.ts';
import { printable, quoted } from '../text.ts';

/** Errors below HTTP by Node's code. All of them are retryable. */
const RETRYABLE: Readonly<Record<string, readonly [text: string, obstacle: Obstacle]>> = {
	ECONNREFUSED: ['nothing listens there (connection refused)', 'refused'],
	ECONNRESET: ['the connection was reset', 'broken'],
	EPIPE: ['the connection was closed', 'broken'],
	ETIMEDOUT: ['no answer to the connection attempt', 'network'],
	EHOSTUNREACH: ['no route to the host: a network policy may forbid it', 'network'],
	ENETUNREACH: ['no route to the network', 'network'],
	EACCES: ['the connection is forbidden here', 'network'],
	EPERM: ['the connection is forbidden here, by a network policy perhaps', 'network'],
	ENOTFOUND: ['its name {name} is not in DNS', 'name'],
	EAI_AGAIN: ['DNS does not answer for its name {name}', 'dns'],
};

/** The stage of a connection at its timeout. */
const STAGES = {
	dns: ['DNS gave no address for its name {name}', 'dns'],
	connect: ['no answer to the connection attempt', 'network'],
	proxy: ['the proxy (ENVTIER_VAULT_PROXY) gave no connection', 'tunnel'],
	tls: ['no TLS handshake', 'network'],
	answer: ['no complete answer', 'slow'],
} as const satisfies Readonly<Record<string, readonly [text: string, obstacle: Obstacle]>>;

/** A key of that table. */
export type Stage = keyof typeof STAGES;

const withHostName = (text: string, address: string): string =>
	text.replace('{name}', quoted(new URL(address).hostname));

/** Texts for the codes of certificate errors. */
const CERTIFICATE: Readonly<Record<string, string>> = {
	CERT_HAS_EXPIRED: 'its certificate has expired',
	CERT_NOT_YET_VALID: 'its certificate is not valid yet',
	DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
	SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown CA',
	UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an unknown CA',
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an unknown CA',
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown CA, or an intermediate is missing',
	CERT_SIGNATURE_FAILURE: 'its certificate was not signed by the CA it names',
	ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names',
	ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS: is this a plain HTTP port?',
	ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS: is this a plain HTTP port?',
	ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'it does not speak TLS 1.2 or later',
	ERR_SSL_UNSUPPORTED_PROTOCOL: 'it does not speak TLS 1.2 or later',
	ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it requires a client certificate, and Envtier has none',
};

const CLOCK = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);

const TRUST = new Set([
	'DEPTH_ZERO_SELF_SIGNED_CERT',
	'SELF_SIGNED_CERT_IN_CHAIN',
	'UNABLE_TO_GET_ISSUER_CERT',
	'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
	'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
	'CERT_SIGNATURE_FAILURE',
]);

/** OpenSSL's codes for certificate chains, Node's for names, and codes of TLS alerts. */
const TLS_CODE =
	/^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|HOSTNAME_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|CRL_|ERROR_IN_CERT_|EPROTO$)/;

/** Bun's codes for malformed HTTP responses. */
const MALFORMED_HTTP = new Set([
	'Malformed_HTTP_Response',
	'InvalidHTTPResponse',
	'InvalidContentLength',
	'ResponseHeadersTooLarge',
	'UnsupportedTransferEncoding',
	'UnexpectedData',
	'UnrequestedUpgrade',
	'HTTP2CompressionError',
	'HTTP2ContentLengthMismatch',
	'HTTP2FlowControlError',
	'HTTP2FrameSizeError',
	'HTTP2HeaderListTooLarge',
	'HTTP2ProtocolError',
]);

function text(error: object, field: 'code' | 'message'): string {
	const value: unknown = Reflect.get(error, field);
	return typeof value === 'string' ? value : '';
}

/** The code of an error of Node's or Bun's network modules; '' if it has none. */
export function codeOf(thrown: unknown): string {
	return thrown instanceof Error ? text(thrown, 'code') : '';
}

/** The names of the server's certificate, which Node adds to its error. */
function namesIn(error: Error): string {
	const names = 'cert' in error ? object(error.cert)?.['subjectaltname'] : undefined;
	return typeof names === 'string' ? printable(names) : 'it has none';
}

function tlsFailure(error: Error, code: string, at: string): Failure {
	const description =
		CERTIFICATE[code] ?? `the TLS handshake failed (${printable(text(error, 'message'), 120)})`;
	const details = [
		code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? namesIn(error) : '',
		CLOCK.has(code) ? `the clock here says ${new Date().toISOString()}` : '',
		TRUST.has(code) ? 'ENVTIER_VAULT_CA must hold the CA that issued it' : '',
		code,
	];
	return new Failure(
		'tls',
		`${at}: ${description} (${details.filter((detail) => detail !== '').join('; ')})`,
	);
}

/**
 * Converts an error of Node's network modules to a `Failure`. Returns an error without a code unchanged,
 * because it is a defect of Envtier.
 */
export function explain(thrown: unknown, address: string): unknown {
	if (thrown instanceof Failure || !(thrown instanceof Error)) return thrown;
	const code = text(thrown, 'code');
	const at = `Vault at ${address}`;
	if (code === '') return thrown;
	if (TLS_CODE.test(code)) return tlsFailure(thrown, code, at);
	if (MALFORMED_HTTP.has(code))
		return new Failure('bad-answer', `${at}: what answers there does not speak HTTP (${code})`);
	const [description, obstacle] = RETRYABLE[code] ?? ['the connection failed', 'broken'];
	return new Failure('unreachable', `${at}: ${withHostName(description, address)} (${code})`, {
		retryable: true,
		cure: UNREACHABLE[obstacle],
	});
}

/** The failure for an attempt without a complete response within its timeout. */
export function timedOut(address: string, timeout: number, stage: Stage): Failure {
	const [description, obstacle] = STAGES[stage];
	const sentence = `Vault at ${address}: ${withHostName(description, address)} within ${Math.round(timeout)} ms`;
	return new Failure('unreachable', sentence, { retryable: true, cure: UNREACHABLE[obstacle] });
}

/** The failure for a response above the size limit. */
export function tooLarge(address: string, limit: number): Failure {
	return new Failure('bad-answer', `Vault at ${address}: an answer is larger than ${limit >> 20} MiB`);
}
