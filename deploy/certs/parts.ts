import type { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Replica } from './replicas.ts';
import type { SecretStore } from './secret.ts';
import type { WebhookConfiguration, WebhookConfigurationStore } from './webhook-configuration.ts';

/** What the steps work on. */
export interface Parts {
	readonly secret: SecretStore;
	readonly webhookConfiguration: WebhookConfigurationStore;
	/** Who serves now. */
	replicas(webhookConfiguration: WebhookConfiguration): Promise<readonly Replica[]>;
	/** Hears what is being done. */
	say(line: string): void;
}

/** How much time the steps are given, in milliseconds. */
export interface Pace {
	/** For every API server to see a changed caBundle. */
	readonly settle: number;
	/** For every replica to serve a changed certificate; undefined: they are not looked at. */
	readonly wait: number | undefined;
}

/** Where things stand in the end. */
export interface Outcome {
	/** False while something is left to be done: `next` says what. */
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
