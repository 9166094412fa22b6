import { X509Certificate } from 'node:crypto';
import type { RotationContext, RotationResult } from './context.ts';
import { issue } from './issue.ts';
import type { CertificateRequest } from './rotate.ts';

/**
 * Issues a certificate without a webhook configuration, for the secrets API. Its clients trust the CA in the
 * Secret, which changes with every rotation.
 */
export async function rotateUnregistered(
	secret: RotationContext['secret'],
	{ service, names, days }: CertificateRequest,
	say: RotationContext['say'],
): Promise<RotationResult> {
	const previous = await secret.read();
	const issued = await issue({ service, names, days, now: new Date() });
	say(`made a CA and a certificate for ${names.join(', ')}, valid to ${issued.notAfter.toISOString()}`);
	await secret.write(issued, previous);
	say(
		previous === undefined
			? 'wrote the Secret; callers trust its ca.crt'
			: 'the Secret holds the new certificate, whose CA (ca.crt) is another than before: hand it to the callers',
	);
	return { finished: true, next: undefined, certificate: new X509Certificate(issued.certPem) };
}
