import { X509Certificate } from 'node:crypto';
import { parseCertificates } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';

/**
 * Maximum number of bytes. Every injected pod carries the bundle in one environment variable. Linux starts no
 * program with a variable of 128 KiB (MAX_ARG_STRLEN), and the whole pod must fit into etcd.
 */
const MAX_BYTES = 64 * 1024;

function isCertificate(pem: string): boolean {
	try {
		return new X509Certificate(pem).subject !== undefined;
	} catch {
		return false;
	}
}

/**
 * Parses CA certificates as `parseCertificates` does. Each must be a whole certificate: a broken one would
 * fail every fetch.
 */
export function parseBundle(text: string): Result<string> {
	if (Buffer.byteLength(text) > MAX_BYTES) return err(`PEM text of certificates, at most ${MAX_BYTES} bytes`);
	const certificates = parseCertificates(text);
	if (!certificates.ok) return certificates;
	if (!certificates.value.every(isCertificate)) return err('PEM text of certificates, each of them whole');
	return ok(certificates.value.join(''));
}
