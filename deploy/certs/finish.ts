import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBundle, isTrusted, only, overlap } from '../../pki/bundle.ts';
import { type RotationContext, type RotationResult, settle, type Timeouts } from './context.ts';
import { CertsFailure } from './failure.ts';
import type { Replica } from './replicas.ts';
import type { StoredPair } from './secret.ts';
import type { WebhookConfigurationStore } from './webhook-configuration.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * Makes the webhook configuration trust the CA of the Secret's certificate. Once every replica presents that
 * certificate, it removes all other CAs.
 *
 * @param unseen true: skip the check that every replica presents it
 */
export async function finish(
	context: RotationContext,
	timeouts: Timeouts,
	unseen = false,
): Promise<RotationResult> {
	const { secret, webhookConfiguration, say } = context;
	const { certificate, ca } = pairOf(await secret.read());
	const registered = await webhookConfiguration.read();
	if (registered === undefined)
		throw new CertsFailure(
			'there is no webhook configuration: apply deploy/manifests, or name another by --webhook-configuration',
		);
	if (!isTrusted(certificate, registered.trusted)) {
		await webhookConfiguration.setBundle((now) => formatBundle(overlap(now.trusted, [ca], new Date())));
		say('the webhook configuration trusts the CA of the Secret');
		await settle(timeouts.settle, say);
	}
	const done: RotationResult = { finished: true, next: undefined, certificate };
	const unfinished = (next: string): RotationResult => ({ finished: false, next, certificate });
	// With no other CA trusted, no certificate of another CA can be in use, so there is no need to wait.
	if ((await others(webhookConfiguration, ca)).length === 0) return done;
	if (!unseen) {
		if (timeouts.wait === undefined) return unfinished(NEXT);
		const replicas = async (): Promise<readonly Replica[]> => {
			await checkUnchanged(secret, certificate);
			return context.replicas(registered);
		};
		const behind = await waitFor(certificate, replicas, timeouts.wait, say);
		if (behind.length > 0) return unfinished(`${behind.join('; ')}. The old CA stays trusted. ${NEXT}`);
	}
	await webhookConfiguration.setBundle((now) => {
		const trusted = only(ca, now.trusted);
		if (!trusted.ok) throw new CertsFailure(trusted.error);
		return formatBundle(trusted.value);
	});
	say('the webhook configuration trusts the CA of the Secret alone');
	return done;
}

/**
 * Another rotation that wrote the Secret meanwhile is the one whose certificate the replicas will present.
 */
async function checkUnchanged(
	secret: RotationContext['secret'],
	certificate: X509Certificate,
): Promise<void> {
	const pair = await secret.read();
	if (pair !== undefined && pairOf(pair).certificate.fingerprint256 === certificate.fingerprint256) return;
	throw new CertsFailure(
		'another rotation has replaced the certificate in the Secret: let that one end, or run this with --finish',
	);
}

/** The certificates that the webhook configuration trusts besides `ca`. */
async function others(
	webhookConfiguration: WebhookConfigurationStore,
	ca: X509Certificate,
): Promise<readonly X509Certificate[]> {
	const registered = await webhookConfiguration.read();
	return (registered?.trusted ?? []).filter((one) => one.fingerprint256 !== ca.fingerprint256);
}

const NEXT =
	'Run this with --finish once every replica shows the new certificate (a kubelet takes up to two minutes to hand it out)';

function pairOf(pair: StoredPair | undefined): {
	readonly certificate: X509Certificate;
	readonly ca: X509Certificate;
} {
	if (pair === undefined)
		throw new CertsFailure('there is no Secret to finish with: run this without --finish first');
	try {
		const certificate = new X509Certificate(pair.certPem);
		const ca = new X509Certificate(pair.caPem);
		if (isTrusted(certificate, [ca])) return { certificate, ca };
	} catch {
		// The error below reports it.
	}
	throw new CertsFailure(
		'the Secret does not hold a certificate (tls.crt) and the CA that signed it (ca.crt): run this without --finish',
	);
}

/**
 * Waits until all replicas present `certificate`. Returns one sentence for each that does not after `ms` ms.
 */
async function waitFor(
	certificate: X509Certificate,
	replicas: () => Promise<readonly Replica[]>,
	ms: number,
	say: (line: string) => void,
): Promise<readonly string[]> {
	const end = performance.now() + ms;
	let lastLine = '';
	for (;;) {
		const all = await replicas();
		const behind = (await Promise.all(all.map((replica) => behindWhy(replica, certificate)))).filter(
			(why) => why !== undefined,
		);
		const line = `${all.length - behind.length} of ${all.length} replicas show the new certificate`;
		if (line !== lastLine) say(line);
		lastLine = line;
		if (behind.length === 0 || performance.now() > end) return behind;
		await sleep(LOOK_EVERY_MS);
	}
}

async function behindWhy(replica: Replica, certificate: X509Certificate): Promise<string | undefined> {
	try {
		const { fingerprint } = await replica.presented();
		return fingerprint === certificate.fingerprint256
			? undefined
			: `${replica.name} shows another certificate`;
	} catch (thrown) {
		if (thrown instanceof CertsFailure) return thrown.message;
		throw thrown;
	}
}
