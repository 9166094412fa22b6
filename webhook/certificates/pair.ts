import { createPrivateKey, X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../contract/result.ts';
import { isValidAt, type Pair } from './source.ts';

/**
 * Checks that two PEM texts make a pair that a server can show at `time`: both parse, the key belongs to the (first) certificate, and
 * the certificate is in its dates. The error never quotes the key.
 */
export function parsePair(certificate: string, key: string, time: Date): Result<Pair> {
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
	const pair = { certificate, key, notBefore: leaf.validFromDate, notAfter: leaf.validToDate };
	if (!isValidAt(pair, time))
		return err(
			`the certificate is valid from ${pair.notBefore.toISOString()} to ${pair.notAfter.toISOString()}, and now it is ${time.toISOString()}`,
		);
	return ok(pair);
}
