/**
 * The CAs of this machine, for where a proxy with one of its own stands before npm's registry. The tests run without
 * NODE_EXTRA_CA_CERTS, so what the system says counts too.
 */
export function ownCaFile(): string | undefined {
	const { NODE_EXTRA_CA_CERTS: extra, SSL_CERT_FILE: system } = process.env;
	return extra || system || undefined;
}
