import { X509Certificate } from 'node:crypto';
import { issue } from './issue.ts';
import type { Outcome, Parts } from './parts.ts';
import type { Wish } from './rotate.ts';

/**
 * Makes a certificate that nobody is registered to trust: the secrets API's, whose callers are people and pipelines. A new one has a new CA,
 * which they then have to take from the Secret.
 */
export async function replaceAlone(
	secret: Parts['secret'],
	{ service, names, days }: Wish,
	say: Parts['say'],
): Promise<Outcome> {
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
