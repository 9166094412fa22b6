import type { Logger } from 'pino';
import type { KubernetesClient } from '../../../lib/kubernetes/client.ts';
import {
	type CertificateSource,
	isValidAt,
	type ServingCertificate,
} from '../../../lib/tls/certificate-source.ts';
import { readKeyPair } from '../../../lib/tls/key-pair.ts';
import { makeAuthority, validityFrom } from '../../../pki/authority.ts';
import { followObjects, type ObjectNames } from './cluster.ts';
import type { RotationPolicy } from './decide.ts';
import { type Reconciler, startReconciler } from './reconciler.ts';

/** Settings of the self-managed certificate. */
export interface SelfManaged extends ObjectNames, Omit<RotationPolicy, 'jitter'> {
	/** DNS names and addresses that the certificate is for. */
	readonly names: readonly string[];
}

/** The certificate in the Secret, which all replicas manage together. */
class SelfSource implements CertificateSource {
	readonly #reconciler: Reconciler;
	readonly #close: () => void;
	readonly #log: Logger;
	#pair: ServingCertificate;
	#listeners: ((pair: ServingCertificate) => void)[] = [];

	constructor(client: KubernetesClient, settings: SelfManaged, first: ServingCertificate, log: Logger) {
		this.#pair = first;
		this.#log = log;
		const objects = followObjects(client, settings, () => this.#reconciler?.wake(), log);
		const policy = { ...settings, jitter: Math.random() };
		const onServingCertificate = (pair: ServingCertificate): void => this.#serve(pair);
		this.#reconciler = startReconciler({
			objects,
			names: settings.names,
			policy,
			onServingCertificate,
			log,
		});
		this.#close = () => {
			this.#reconciler.close();
			objects.close();
		};
	}

	current(): ServingCertificate {
		return this.#pair;
	}

	problem(now: Date): string | undefined {
		if (isValidAt(this.#pair, now)) return undefined;
		return `there is no valid certificate: ${this.#reconciler.problem() ?? 'it is being created'}`;
	}

	onChange(listener: (pair: ServingCertificate) => void): void {
		this.#listeners.push(listener);
	}

	close(): void {
		this.#close();
	}

	#serve(pair: ServingCertificate): void {
		this.#pair = pair;
		this.#log.info({ notAfter: pair.notAfter }, 'certificate changed');
		for (const listener of this.#listeners) listener(pair);
	}
}

/**
 * Starts to manage the certificate. Until there is one, `current` is an expired certificate that nobody
 * trusts: probes need a TLS handshake to read why the webhook is not ready.
 */
export async function openSelfManaged(
	client: KubernetesClient,
	settings: SelfManaged,
	log: Logger,
): Promise<CertificateSource> {
	const now = new Date();
	const authority = await makeAuthority('envtier-webhook', now, validityFrom(now, 0), false);
	const leaf = await authority.issue(['envtier-webhook.invalid'], validityFrom(now, 0));
	const first = readKeyPair(leaf.certPem, leaf.keyPem);
	if (!first.ok) throw new Error(`a certificate of our own making: ${first.error}`);
	return new SelfSource(client, settings, first.value, log);
}
