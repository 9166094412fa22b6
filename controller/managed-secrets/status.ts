import { enumerate } from '../../fetcher/text.ts';
import type { Outcome } from './outcome.ts';
import type { Condition, ManagedSecret, ManagedSecretStatus } from './resource.ts';

/** Longest message of a condition. Kubernetes allows 32,768 characters, and nobody reads them. */
const LONGEST = 1_024;

/**
 * The status after a look. `Synced` says how the look ended. `Ready` says whether the Secret is there with
 * all that the spec asks for, perhaps with values of an earlier look: it stays while Vault is away.
 *
 * @param hasSecret whether the Secret that was written last is still there, as far as it is known
 */
export function statusAfter(
	{ generation, status: before }: Pick<ManagedSecret, 'generation' | 'status'>,
	secretName: string,
	outcome: Outcome,
	hasSecret: boolean,
	now: Date,
): ManagedSecretStatus {
	const condition = conditionMaker(before.conditions ?? [], generation, now);
	const time = now.toISOString();
	switch (outcome.kind) {
		case 'synced': {
			const { version, keys, adopted } = outcome;
			const holds = `the Secret ${secretName} holds ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`;
			const kept = adopted ? '; it was there before and is kept when this object is deleted' : '';
			return {
				observedGeneration: generation,
				...{ secretName, secretVersion: version, keys, lastSyncTime: time, syncedGeneration: generation },
				conditions: [
					condition('Ready', 'True', 'SecretWritten', `${holds}${kept}`),
					condition('Synced', 'True', 'Synced', `${holds} as Vault had them at the last look`),
				],
			};
		}
		case 'off': {
			const message = `spec.sync is off: nothing is written. With "sync: true" the Secret ${secretName} gets ${enumerate(outcome.keys, 20)}, and its values are stored in etcd`;
			return {
				...earlier(before, generation),
				lastSyncTime: time,
				conditions: [
					ready(before, condition, generation, hasSecret, 'SyncOff'),
					condition('Synced', 'False', 'SyncOff', message),
				],
			};
		}
		case 'failed':
			return {
				...earlier(before, generation),
				...(before.lastSyncTime === undefined ? {} : { lastSyncTime: before.lastSyncTime }),
				conditions: [
					ready(before, condition, generation, hasSecret, outcome.reason),
					condition('Synced', 'False', outcome.reason, outcome.message),
				],
			};
		default:
			return outcome satisfies never;
	}
}

/** What stays of an earlier look. */
function earlier(
	{ secretName, secretVersion, keys, syncedGeneration }: ManagedSecretStatus,
	generation: number,
): ManagedSecretStatus {
	return {
		observedGeneration: generation,
		...(secretName === undefined ? {} : { secretName }),
		...(secretVersion === undefined ? {} : { secretVersion }),
		...(keys === undefined ? {} : { keys }),
		...(syncedGeneration === undefined ? {} : { syncedGeneration }),
	};
}

type MakeCondition = (
	type: string,
	status: Condition['status'],
	reason: string,
	message: string,
) => Condition;

function ready(
	{ secretName, secretVersion, syncedGeneration, lastSyncTime }: ManagedSecretStatus,
	condition: MakeCondition,
	generation: number,
	hasSecret: boolean,
	reason: string,
): Condition {
	if (secretVersion === undefined || !hasSecret)
		return condition('Ready', 'False', reason, 'the Secret is not there; the condition Synced says why');
	if (syncedGeneration !== generation)
		return condition(
			'Ready',
			'False',
			reason,
			`the Secret ${secretName} is still that of an earlier spec; the condition Synced says why`,
		);
	return condition(
		'Ready',
		'True',
		'SecretKept',
		`the Secret ${secretName} keeps the values of ${lastSyncTime ?? 'an earlier look'}`,
	);
}

/** Makes conditions whose transition time only changes with their status. */
function conditionMaker(before: readonly Condition[], generation: number, now: Date): MakeCondition {
	return (type, status, reason, message) => {
		const last = before.find((one) => one.type === type);
		const time = last?.status === status ? last.lastTransitionTime : now.toISOString();
		const text = message.length > LONGEST ? `${message.slice(0, LONGEST - 1)}…` : message;
		return { type, status, reason, message: text, observedGeneration: generation, lastTransitionTime: time };
	};
}
