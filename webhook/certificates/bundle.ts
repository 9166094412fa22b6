import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../contract/result.ts';

/**
 * It goes to every injected pod as one environment variable. Linux starts no program with one of 128 KiB (MAX_ARG_STRLEN), and the
 * pod as a whole has to fit into etcd.
 */
const LONGEST = 64 * 1024;

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function isCertificate(pem: string): boolean {
	try {
		return new X509Certificate(pem).subject !== undefined;
	} catch {
		return false;
	}
}

/** Takes PEM text of CA certificates, text around them allowed; every one must parse, for one that does not fails every fetch. */
export function parseBundle(text: string): Result<string> {
	if (text.includes('PRIVATE KEY-----'))
		return err('PEM text of certificates without a private key: every pod would show it');
	if (Buffer.byteLength(text) > LONGEST) return err(`PEM text of certificates, at most ${LONGEST} bytes`);
	const blocks = text.match(BLOCK) ?? [];
	const begun = text.split('-----BEGIN ').length - 1;
	if (blocks.length === 0 || blocks.length !== begun || !blocks.every(isCertificate))
		return err('PEM text of certificates, each of them whole');
	return ok(text);
}
