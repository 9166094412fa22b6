import type { Logger } from 'pino';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { watchList } from '../../lib/kubernetes/watch.ts';
import { openWorkQueue } from '../../lib/work-queue.ts';
import type { RunningReconciler } from '../reconciler.ts';
import { managedSecretOf } from './decode.ts';
import { type Due, type DueReason, dueOf } from './due.ts';
import { openTeller, toldOf } from './events.ts';
import { BACKOFF, emptyMemory, memoryAfter, type Remembered } from './memory.ts';
import { type ManagedSecretMetrics, resultOf } from './metrics.ts';
import type { Outcome } from './outcome.ts';
import { keyOf, type ManagedSecret, type ManagedSecretStatus } from './resource.ts';
import { openSecretStore } from './secret-store.ts';
import { openSecretViews } from './secret-views.ts';
import type { ManagedSecretSettings } from './settings.ts';
import { statusAfter } from './status.ts';
import { collectionPath, writeStatus } from './status-writer.ts';
import { syncSecret } from './sync.ts';
import { openTargets } from './targets.ts';
import { openVaultOutage } from './vault-outage.ts';
import type { VaultReader } from './vault-reader.ts';

/** What ManagedSecrets run on. */
export interface ManagedSecretParts {
	readonly client: KubernetesClient;
	readonly reader: VaultReader;
	readonly settings: ManagedSecretSettings;
	readonly fieldManager: string;
	readonly metrics: ManagedSecretMetrics;
	readonly log: Logger;
	readonly isLeader: () => boolean;
}

/** Running ManagedSecrets. */
export interface ManagedSecrets extends RunningReconciler {
	all(): number;
	failing(): number;
	overdue(): number;
}

/** Longest timer, in ms. */
const LONGEST_WAIT = 3_600_000;

/** Follows the ManagedSecrets, and keeps their Secrets up to date. */
export function startManagedSecrets(parts: ManagedSecretParts): ManagedSecrets {
	const { client, settings, fieldManager, metrics, log, isLeader } = parts;
	const store = openSecretStore(client, fieldManager, isLeader);
	const teller = openTeller(client, log);
	const memories = new Map<string, Remembered>();
	const outage = openVaultOutage();
	const targets = openTargets();

	const items = (): ReadonlyMap<string, ManagedSecret> => view.current() ?? new Map();
	const memoryOf = (key: string, uid: string): Remembered => {
		const found = memories.get(key);
		return found?.uid === uid ? found : emptyMemory(uid);
	};
	/** The object with the newest status. Only the leader writes it. */
	const itemOf = (key: string): ManagedSecret | undefined => {
		const item = items().get(key);
		const status = item && memoryOf(key, item.uid).status;
		return item && status ? { ...item, status } : item;
	};
	const due = (item: ManagedSecret): Due => {
		const spec = item.spec.ok ? item.spec.value : undefined;
		const seen = spec && views.seen(item.namespace, spec.target.name);
		return dueOf(item, spec, seen, memoryOf(keyOf(item), item.uid), Date.now());
	};
	const changed = (key: string, item: ManagedSecret | undefined): void => {
		targets.set(key, item);
		if (item === undefined) memories.delete(key);
		followNamespaces();
		queue.add(key);
	};
	let following: NodeJS.Immediate | undefined;
	/** Once for all changes that come together. */
	const followNamespaces = (): void => {
		following ??= setImmediate(() => {
			following = undefined;
			const syncing = [...items().values()].filter(({ spec }) => spec.ok && spec.value.sync);
			views.follow(new Set(syncing.map(({ namespace }) => namespace)));
		});
	};

	/** Looks at one ManagedSecret if it is due. Its next time is put into the queue. */
	const work = async (key: string): Promise<boolean> => {
		const item = itemOf(key);
		if (item === undefined || item.deleted || !isLeader()) return true;
		const step = due(item);
		if (step.kind === 'later') {
			if (Number.isFinite(step.wait)) queue.add(key, Math.min(LONGEST_WAIT, Math.max(1, step.wait)));
			return true;
		}
		const outcome =
			(item.spec.ok ? outage.current() : undefined) ??
			(await syncSecret(item, { client, reader: parts.reader, store, settings }));
		outage.note(outcome);
		metrics.looked(resultOf(outcome));
		await settle(key, item, step.reason, outcome);
		return true;
	};
	const settle = async (
		key: string,
		item: ManagedSecret,
		why: DueReason,
		outcome: Outcome,
	): Promise<void> => {
		const isConflict = outcome.kind === 'failed' && outcome.reason === 'Conflict';
		const status = isConflict ? undefined : await report(item, why, outcome);
		const memory = memoryAfter(memoryOf(key, item.uid), {
			...{ generation: item.generation, why, outcome, status, now: Date.now() },
		});
		if (items().has(key)) memories.set(key, memory);
		queue.add(key, Math.max(1, (memory.notBefore ?? 0) - Date.now()));
	};
	/** Writes the status and an Event. Undefined: the status could not be written. */
	const report = async (
		item: ManagedSecret,
		why: DueReason,
		outcome: Outcome,
	): Promise<ManagedSecretStatus | undefined> => {
		const { namespace, name } = item;
		const secretName = item.spec.ok ? item.spec.value.target.name : name;
		if (outcome.kind === 'synced') views.wrote(namespace, secretName, outcome.version);
		if (outcome.kind !== 'failed') views.hurry(namespace);
		const isThere = views.seen(namespace, secretName)?.kind !== 'gone';
		const status = statusAfter(item, secretName, outcome, isThere, new Date());
		if (!isLeader()) return undefined;
		const isSame = JSON.stringify(status) === JSON.stringify(item.status);
		const written = isSame ? undefined : await writeStatus(client, item, status, fieldManager);
		const told = toldOf(outcome, why, secretName);
		if (told !== undefined) await teller.tell(item, told);
		if (written?.ok !== false) return status;
		log.warn({ managedSecret: keyOf(item), problem: written.error }, 'a status was not written');
		return undefined;
	};
	const queue = openWorkQueue({
		...{ workers: settings.workers, backoff: BACKOFF, work },
		onError: (key, error) =>
			log.error({ key, problem: String(error) }, 'a defect: a ManagedSecret could not be looked at'),
	});
	const views = openSecretViews(client, log, (namespace, name) => {
		if (name !== undefined) for (const key of targets.keysOf(namespace, name)) queue.add(key);
		else for (const item of items().values()) if (item.namespace === namespace) queue.add(keyOf(item));
	});
	const view = watchList<ManagedSecret>(
		client,
		{ path: collectionPath(), keep: managedSecretOf, changed },
		log,
	);
	return {
		all: () => items().size,
		failing: () => [...items().values()].filter(isFailing).length,
		overdue: () => {
			const now = Date.now();
			const late = [...items().values()].map((item) => lateness(item, now));
			return Math.max(0, ...late) / 1000;
		},
		close: async () => {
			view.close();
			views.close();
			clearImmediate(following);
			await queue.close();
		},
	};
}

function isFailing({ status }: ManagedSecret): boolean {
	const synced = status.conditions?.find(({ type }) => type === 'Synced');
	return synced?.status === 'False' && synced.reason !== 'SyncOff';
}

/** Milliseconds since the interval of a ManagedSecret has passed twice over. */
function lateness({ spec, status }: ManagedSecret, now: number): number {
	const last = Date.parse(status.lastSyncTime ?? '');
	return !spec.ok || !spec.value.sync || Number.isNaN(last) ? 0 : now - last - 2 * spec.value.refreshInterval;
}
