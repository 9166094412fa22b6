import { z } from 'zod';
import { err, ok } from '../../contract/result.ts';
import { parseCertificateName } from '../../pki/names.ts';
import { checkCertificates } from './check-certificates.ts';
import { mayGenerate, type TypedValues, text, typeRules } from './type-rules.ts';

/** A chain of ten certificates with keys of 4096 bits has fewer bytes. */
const PEM_BYTES = 64 * 1024;
const DAYS = { most: 3650, usual: 365 };
const MAX_HOSTS = 50;
/** CAs that the readers trust after a renewal: the new one, the previous one, and the one before. */
const MAX_AUTHORITIES = 3;

const host = z
	.string()
	.refine((name) => parseCertificateName(name).ok, { error: 'must be a DNS name or an IP address' });
const hosts = z.array(host).min(1).max(MAX_HOSTS);
const pem = text(PEM_BYTES);

/** Options of generated certificates. */
const options = z.strictObject({ hosts, days: z.number().int().min(1).max(DAYS.most).default(DAYS.usual) });
const Fields = z.strictObject({
	caCert: pem.optional(),
	serverCert: pem.optional(),
	serverKey: pem.optional(),
	clientCert: pem.optional(),
	clientKey: pem.optional(),
	hosts: hosts.optional(),
});

/**
 * Certificates of a server and of its client. A generated secret that is changed also trusts the CAs that it
 * had: pods with the old certificate and pods with the new one then accept each other.
 */
export const tls = typeRules(Fields, options, (input, context) => {
	const { fields, generate } = input;
	const { now, name, current } = context;
	const someGiven = Object.keys(fields).length > 0;
	if (someGiven && generate !== undefined) return err('fields and generate exclude one another');
	if (someGiven) return checkCertificates(fields, now);
	if (!mayGenerate(input, context) || generate === undefined)
		return err('generate.hosts is required, or the certificates as fields');
	return ok(async (generators): Promise<TypedValues> => {
		const made = await generators.certificates({ ...generate, name, now });
		const { caPem, server, client, notAfter } = made;
		const trusted = [caPem, ...(current?.authorities ?? [])].slice(0, MAX_AUTHORITIES);
		return {
			parts: {
				caCert: trusted.join(''),
				serverCert: server.certPem,
				serverKey: server.keyPem,
				clientCert: client.certPem,
				clientKey: client.keyPem,
			},
			expiresAt: notAfter,
			authorities: trusted,
		};
	});
});
