import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { parseCaBundle } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { isValidAt, type ServingCertificate } from './certificate-source.ts';

/**
 * Checks that two PEM texts form a pair that a server can use at `time`: `readKeyPair` accepts them, and the
 * certificate is valid at that time. The error never quotes the key, and is the same each time for the same
 * pair.
 */
export function parseKeyPair(certificate: string, key: string, time: Date): Result<ServingCertificate> {
	const pair = readKeyPair(certificate, key);
	if (!pair.ok || isValidAt(pair.value, time)) return pair;
	const { notBefore, notAfter } = pair.value;
	return err(
		time < notBefore
			? `the certificate is valid from ${notBefore.toISOString()} on, which is still to come`
			: `the certificate was valid until ${notAfter.toISOString()}, which has passed: renew it (node deploy/certs/main.ts, or whatever wrote the Secret)`,
	);
}

/**
 * Checks that two PEM texts form a pair, without a check of the dates: both parse, the key belongs to the
 * first certificate, and TLS accepts them.
 */
export function readKeyPair(pem: string, key: string): Result<ServingCertificate> {
	const certificate = chainOf(pem);
	let leaf: X509Certificate;
	try {
		leaf = new X509Certificate(certificate);
	} catch {
		return err('the certificate file holds no PEM certificate');
	}
	try {
		if (!leaf.checkPrivateKey(createPrivateKey(key)))
			return err('the private key does not belong to the certificate');
	} catch {
		return err('the key file holds no PEM private key without a passphrase');
	}
	const unusable = tlsProblem(certificate, key);
	if (unusable !== undefined) return err(unusable);
	return ok({ certificate, key, notBefore: leaf.validFromDate, notAfter: leaf.validToDate });
}

/** The chain with a line break between its blocks. Without one OpenSSL reads only the first block. */
function chainOf(pem: string): string {
	const chain = parseCaBundle(pem);
	return chain.ok ? chain.value : pem;
}

/** OpenSSL's error for the pair: for example a broken chain, or a key too short for its security level. */
function tlsProblem(cert: string, key: string): string | undefined {
	try {
		createSecureContext({ cert, key });
		return undefined;
	} catch (error) {
		const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
		return `TLS cannot use the certificate with its chain and key: ${code}`;
	}
}
