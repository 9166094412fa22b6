import type { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Replica } from './replicas.ts';
import type { SecretStore } from './secret.ts';
import type { WebhookConfiguration, WebhookConfigurationStore } from './webhook-configuration.ts';

/** Dependencies of the steps. */
export interface RotationContext {
	readonly secret: SecretStore;
	readonly webhookConfiguration: WebhookConfigurationStore;
	/** The replicas that are running now. */
	replicas(webhookConfiguration: WebhookConfiguration): Promise<readonly Replica[]>;
	/** Prints progress. */
	say(line: string): void;
}

/** Timeouts of the steps, in ms. */
export interface Timeouts {
	/** Time until every API server has seen a changed caBundle. */
	readonly settle: number;
	/** Time until every replica serves a changed certificate; undefined: the replicas are not checked. */
	readonly wait: number | undefined;
}

/** The result of a run. */
export interface RotationResult {
	/** False if a step remains; `next` describes it. */
	readonly finished: boolean;
	readonly next: string | undefined;
	/** The certificate in the Secret. */
	readonly certificate: X509Certificate;
}

/**
 * Waits until every API server has seen the changed webhook configuration: each one watches it separately.
 */
export async function settle(ms: number, say: (line: string) => void): Promise<void> {
	if (ms > 0) say(`giving every API server ${ms / 1000} s to see it`);
	await sleep(ms);
}
