import { readFileSync } from 'node:fs';
import process from 'node:process';

/** Files in which distributions keep their CA certificates (the list of Go's crypto/x509). */
const BUNDLES = [
	'/etc/ssl/certs/ca-certificates.crt',
	'/etc/pki/tls/certs/ca-bundle.crt',
	'/etc/ssl/ca-bundle.pem',
	'/etc/pki/tls/cacert.pem',
	'/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
	'/etc/ssl/cert.pem',
];

/**
 * The system's CA certificates as PEM text, or Node's own if the image has no such file. Node itself uses
 * only its own by default.
 */
export function systemRoots(bundles: readonly string[] = BUNDLES): string | readonly string[] {
	for (const file of bundles) {
		try {
			return readFileSync(file, 'utf8');
		} catch {
			// Another distribution: try the next file.
		}
	}
	// Not imported, because the module takes time to load and most fetches do not need it.
	return process.getBuiltinModule('node:tls').rootCertificates;
}
