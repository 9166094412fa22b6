import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { parseCertificates } from '../../contract/pem.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { readKeyPair } from '../../lib/tls/key-pair.ts';
import { given, type MakeValues } from './type-rules.ts';

/** The certificates and keys that a caller gives, as PEM text. */
export interface GivenCertificates {
	readonly caCert?: string | undefined;
	readonly serverCert?: string | undefined;
	readonly serverKey?: string | undefined;
	readonly clientCert?: string | undefined;
	readonly clientKey?: string | undefined;
	/** Names that the certificate of the server must have. */
	readonly hosts?: readonly string[] | undefined;
}

/** Maximum number of certificates in one field. */
const MAX_CERTIFICATES = 10;

/**
 * Checks given certificates: each key belongs to its certificate, each chain leads to the CA, all are valid
 * at `now`, and the certificate of the server has names.
 */
export function checkCertificates(input: GivenCertificates, now: Date): Result<MakeValues> {
	const { caCert, serverCert, serverKey, clientCert, clientKey, hosts = [] } = input;
	if (caCert === undefined || serverCert === undefined || serverKey === undefined)
		return err('fields.caCert, fields.serverCert and fields.serverKey are required together');
	if ((clientCert === undefined) !== (clientKey === undefined))
		return err('fields.clientCert and fields.clientKey are required together');
	const authorities = certificatesOf('caCert', caCert);
	if (!authorities.ok) return authorities;
	if (!authorities.value.every((one) => one.certificate.ca)) return err('fields.caCert must hold CAs only');
	const server = checkEnd('server', serverCert, serverKey, authorities.value, now);
	if (!server.ok) return server;
	const unnamed = nameProblem(server.value.leaf, hosts);
	if (unnamed !== undefined) return err(unnamed);
	const client =
		clientCert === undefined || clientKey === undefined
			? undefined
			: checkEnd('client', clientCert, clientKey, authorities.value, now);
	if (client !== undefined && !client.ok) return client;
	const ends = [server.value, ...(client === undefined ? [] : [client.value])];
	const pems = authorities.value.map(({ pem }) => pem);
	return given({
		parts: Object.assign({ caCert: pems.join('') }, ...ends.map(({ parts }) => parts)),
		expiresAt: new Date(Math.min(...ends.map(({ expiresAt }) => expiresAt.getTime()))),
		authorities: pems,
	});
}

interface ParsedCertificate {
	readonly pem: string;
	readonly certificate: X509Certificate;
}

function certificatesOf(field: string, pem: string): Result<readonly ParsedCertificate[]> {
	const blocks = parseCertificates(pem);
	if (!blocks.ok) return err(`fields.${field} must be ${blocks.error}`);
	if (blocks.value.length > MAX_CERTIFICATES)
		return err(`fields.${field} must hold at most ${MAX_CERTIFICATES} certificates`);
	try {
		return ok(blocks.value.map((block) => ({ pem: block, certificate: new X509Certificate(block) })));
	} catch {
		return err(`fields.${field} must be PEM text of certificates`);
	}
}

interface CheckedEnd {
	readonly leaf: X509Certificate;
	readonly parts: Readonly<Record<string, string>>;
	/** When the first certificate of the chain ends. */
	readonly expiresAt: Date;
}

/** Checks one end of the connection: its chain and its key. */
function checkEnd(
	end: 'server' | 'client',
	certPem: string,
	keyPem: string,
	authorities: readonly ParsedCertificate[],
	now: Date,
): Result<CheckedEnd> {
	const chain = certificatesOf(`${end}Cert`, certPem);
	if (!chain.ok) return chain;
	const pem = chain.value.map((one) => one.pem).join('');
	const pair = readKeyPair(pem, keyPem);
	if (!pair.ok) return err(`fields.${end}Cert and fields.${end}Key: ${pair.error}`);
	const path = pathToAuthority(chain.value, authorities);
	if (path === undefined) return err(`fields.${end}Cert must lead to a CA in fields.caCert`);
	const outOfDate = path.find((one) => now < one.validFromDate || one.validToDate <= now);
	if (outOfDate !== undefined)
		return err(`fields.${end}Cert, or its CA, is not valid now: check the dates of the certificates`);
	const key = `${keyPem.trimEnd()}\n`;
	return ok({
		// The path begins with the certificate of the end itself.
		leaf: path[0] as X509Certificate,
		parts: { [`${end}Cert`]: pem, [`${end}Key`]: key },
		expiresAt: new Date(Math.min(...path.map((one) => one.validToDate.getTime()))),
	});
}

/** The certificates from the first one to a CA; undefined if they do not lead to one. */
function pathToAuthority(
	chain: readonly ParsedCertificate[],
	authorities: readonly ParsedCertificate[],
): readonly X509Certificate[] | undefined {
	const path: X509Certificate[] = [];
	for (const { certificate } of chain) {
		const last = path.at(-1);
		if (last !== undefined && !(certificate.ca && isIssuedBy(last, certificate))) return undefined;
		path.push(certificate);
		const authority = authorities.find((one) => isIssuedBy(certificate, one.certificate));
		if (authority !== undefined) return [...path, authority.certificate];
	}
	return undefined;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
	return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Why clients would refuse the names of the server's certificate; undefined if they would not. */
function nameProblem(leaf: X509Certificate, hosts: readonly string[]): string | undefined {
	if (leaf.subjectAltName === undefined)
		return 'fields.serverCert must have names (subjectAltName): clients ignore its common name';
	const missing = hosts.filter((host) =>
		isIP(host) === 0 ? !hasName(leaf, host) : leaf.checkIP(host) === undefined,
	);
	return missing.length === 0 ? undefined : `fields.serverCert must have the names ${missing.join(', ')}`;
}

/** A wildcard in `hosts` must be in the certificate literally. */
function hasName(leaf: X509Certificate, host: string): boolean {
	if (host.startsWith('*.')) return (leaf.subjectAltName ?? '').split(', ').includes(`DNS:${host}`);
	return leaf.checkHost(host, { subject: 'never' }) !== undefined;
}
