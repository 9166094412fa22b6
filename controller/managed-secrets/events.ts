import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { enumerate } from '../../fetcher/text.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { newEvent, writeEvent } from '../../lib/kubernetes/events.ts';
import type { DueReason } from './due.ts';
import { API_VERSION, KIND } from './names.ts';
import type { Outcome } from './outcome.ts';
import { keyOf, type ManagedSecret } from './resource.ts';

/** What is told about a look. */
export interface Told {
	readonly reason: string;
	readonly type: 'Normal' | 'Warning';
	readonly message: string;
}

/** What a look is worth telling; undefined for one that has changed nothing. */
export function toldOf(outcome: Outcome, why: DueReason, secretName: string): Told | undefined {
	switch (outcome.kind) {
		case 'synced': {
			if (outcome.change === 'unchanged') return undefined;
			const keys = enumerate(outcome.keys, 20);
			if (why === 'secret-gone' || why === 'secret-changed')
				return {
					reason: 'SecretRestored',
					type: 'Normal',
					message: `somebody had ${why === 'secret-gone' ? 'deleted' : 'changed'} the Secret ${secretName}: it is written again with ${keys}`,
				};
			return outcome.change === 'created'
				? {
						reason: 'SecretCreated',
						type: 'Normal',
						message: `the Secret ${secretName} is created with ${keys}`,
					}
				: {
						reason: 'SecretUpdated',
						type: 'Normal',
						message: `the Secret ${secretName} is written with ${keys}`,
					};
		}
		case 'off':
			return undefined;
		case 'failed':
			return { reason: outcome.reason, type: 'Warning', message: outcome.message };
		default:
			return outcome satisfies never;
	}
}

/** ManagedSecrets whose last message is remembered. */
const MAX_TOLD = 10_000;

/** Writes lines of the log and Events about ManagedSecrets. */
export interface Teller {
	/** The same failure is told once until something else happens. */
	tell(item: ManagedSecret, told: Told): Promise<void>;
}

/** Opens a teller. */
export function openTeller(client: KubernetesClient, log: Logger): Teller {
	const last = new LRUCache<string, string>({ max: MAX_TOLD });
	return {
		tell: async (item, { reason, type, message }) => {
			const { namespace, name, uid } = item;
			const text = `${reason} ${message}`;
			if (type === 'Warning' && last.get(uid) === text) return;
			last.set(uid, text);
			log[type === 'Normal' ? 'info' : 'warn']({ managedSecret: keyOf(item), event: reason }, message);
			const event = newEvent(
				{
					...{ namespace, reason, type, message, identity: [reason, message] },
					target: { apiVersion: API_VERSION, kind: KIND, name, uid },
					component: 'envtier-controller',
				},
				new Date(),
				1,
			);
			const written = await writeEvent(client, event);
			// An Event is never worth a retry.
			if (!written.ok) log.warn({ reason, problem: written.error.message }, 'an Event was not written');
		},
	};
}
