import { isIP } from 'node:net';
import { err, ok, type Result } from '../contract/result.ts';

/** The DNS names of a Service. */
export function serviceNames(service: string, namespace: string): readonly string[] {
	const inNamespace = `${service}.${namespace}`;
	return [`${inNamespace}.svc`, `${inNamespace}.svc.cluster.local`, inNamespace, service];
}

/** Accepts a name that a certificate can be issued for. */
export function parseCertificateName(text: string): Result<string> {
	const dns = /^(?:\*\.)?[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/i;
	if (isIP(text) !== 0 || (text.length <= 253 && dns.test(text))) return ok(text);
	return err('a DNS name or an IP address');
}
