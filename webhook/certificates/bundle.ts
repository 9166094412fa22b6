import { X509Certificate } from 'node:crypto';
import { parseCertificates } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';

/**
 * It goes to every injected pod as one environment variable. Linux starts no program with one of 128 KiB (MAX_ARG_STRLEN), and the
 * pod as a whole has to fit into etcd.
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
 * Takes PEM text of CA certificates as `parseCertificates` does. Each must parse: one that does not would fail every fetch.
 */
export function parseBundle(text: string): Result<string> {
	if (Buffer.byteLength(text) > MAX_BYTES) return err(`PEM text of certificates, at most ${MAX_BYTES} bytes`);
	const certificates = parseCertificates(text);
	if (!certificates.ok) return certificates;
	if (!certificates.value.every(isCertificate)) return err('PEM text of certificates, each of them whole');
	return ok(certificates.value.join(''));
}
