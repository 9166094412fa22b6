import { X509Certificate } from 'node:crypto';
import { formatBundle, overlap, readable } from '../../pki/bundle.ts';
import { type RotationContext, type RotationResult, settle, type Timeouts } from './context.ts';
import { CertsFailure } from './failure.ts';
import { finish } from './finish.ts';
import { issue } from './issue.ts';

/** The certificate to issue. */
export interface CertificateRequest {
	/** The Service. */
	readonly service: string;
	readonly names: readonly string[];
	readonly days: number;
	/** Writes the Secret even if there is no webhook configuration yet. */
	readonly secretOnly: boolean;
}

/**
 * Rotates the CA and the certificate. No replica ever presents a certificate that the API servers do not
 * trust. First the API servers trust both CAs, then the Secret gets the new certificate. After all replicas
 * present it, the old CA is removed.
 */
export async function rotate(
	context: RotationContext,
	request: CertificateRequest,
	timeouts: Timeouts,
): Promise<RotationResult> {
	const { secret, webhookConfiguration, say } = context;
	const previous = await secret.read();
	const registered = await webhookConfiguration.read();
	if (registered === undefined && !request.secretOnly)
		throw new CertsFailure(
			'there is no webhook configuration to tell the CA to: apply deploy/manifests first (the pods wait for the certificate), name ' +
				'another by --webhook-configuration, or write the Secret alone by --secret-only',
		);
	const issued = await issue({ ...request, now: new Date() });
	say(
		`made a CA and a certificate for ${request.names.join(', ')}, valid to ${issued.notAfter.toISOString()}`,
	);
	if (registered !== undefined) {
		const newCertificates = [...readable(previous?.caPem ?? ''), new X509Certificate(issued.caPem)];
		await webhookConfiguration.setBundle((now) =>
			formatBundle(overlap(now.trusted, newCertificates, new Date())),
		);
		say('the webhook configuration trusts the new CA beside what it trusted already');
		if (previous !== undefined) await settle(timeouts.settle, say);
	}
	await secret.write(issued, previous);
	say(previous === undefined ? 'wrote the Secret' : 'the Secret holds the new certificate');
	if (registered !== undefined) return await finish(context, timeouts);
	return {
		finished: false,
		next: 'apply deploy/manifests, then run this with --finish so that the webhook configuration trusts the certificate',
		certificate: new X509Certificate(issued.certPem),
	};
}
