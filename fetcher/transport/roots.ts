import { readFileSync } from 'node:fs';
import process from 'node:process';

/** Where distributions keep their CA certificates in one file (the list is that of Go's crypto/x509). */
const BUNDLES = [
	'/etc/ssl/certs/ca-certificates.crt',
	'/etc/pki/tls/certs/ca-bundle.crt',
	'/etc/ssl/ca-bundle.pem',
	'/etc/pki/tls/cacert.pem',
	'/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
	'/etc/ssl/cert.pem',
];

/**
 * The system's CA certificates as PEM text, or Node's own if the system has none (an image without any). Node
 * itself always uses its own by default.
 */
export function systemRoots(bundles: readonly string[] = BUNDLES): string | readonly string[] {
	for (const file of bundles) {
		try {
			return readFileSync(file, 'utf8');
		} catch {
			// Not this distribution's place: the next one may be.
		}
	}
	// Not imported: loading the module takes time that most fetches need not spend.
	return process.getBuiltinModule('node:tls').rootCertificates;
}
