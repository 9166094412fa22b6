import type { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Replica } from './replicas.ts';
import type { SecretStore } from './secret.ts';
import type { WebhookConfiguration, WebhookConfigurationStore } from './webhook-configuration.ts';

/** Dependencies of the steps. */
export interface RotationContext {
	readonly secret: SecretStore;
	readonly webhookConfiguration: WebhookConfigurationStore;
	/** The replicas that serve now. */
	replicas(webhookConfiguration: WebhookConfiguration): Promise<readonly Replica[]>;
	/** Prints progress. */
	say(line: string): void;
}

/** Timeouts of the steps, in ms. */
export interface Timeouts {
	/** For every API server to see a changed caBundle. */
	readonly settle: number;
	/** For every replica to serve a changed certificate; undefined: they are not looked at. */
	readonly wait: number | undefined;
}

/** The result of a run. */
export interface RotationResult {
	/** False if a step is left; `next` describes it. */
	readonly finished: boolean;
	readonly next: string | undefined;
	/** The certificate in the Secret. */
	readonly certificate: X509Certificate;
}

/** Lets every API server see a changed webhook configuration, which each watches by itself. */
export async function settle(ms: number, say: (line: string) => void): Promise<void> {
	if (ms > 0) say(`giving every API server ${ms / 1000} s to see it`);
	await sleep(ms);
}
