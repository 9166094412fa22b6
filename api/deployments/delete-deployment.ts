import { z } from 'zod';
import { parseName } from '../../contract/names.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { mapAtMost } from '../concurrency.ts';
import type { AuditStamp } from '../secrets/metadata.ts';
import { folderOf, pathOf } from '../secrets/secret-location.ts';
import { liveSecrets } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import { locationsOf } from '../templates/templates.ts';
import { isAbandoned, markDeleted } from './registry.ts';

/**
 * The journal of a deletion. It is written first, so that another process can complete the deletion. A
 * deletion is never undone: it only soft-deletes.
 */
const JOURNAL = z.object({
	/** The creation time of the deployment: not another one of the same name. */
	createdAt: z.string(),
	by: z.string(),
	at: z.string(),
	/** Request id of the call. The audit lines of a completion have the same one. */
	requestId: z.string(),
});
type DeletionJournal = z.infer<typeof JOURNAL>;

/** No template's name begins with "_", so this folder cannot collide with one. */
const JOURNALS = 'templates/_deletions';
const journalOf = (name: string): string => `${JOURNALS}/${name}`;
const AT_ONCE = 8;

/** The action of the audit lines for each secret. */
const ACTION = 'deployments.delete';

/** A deployment to delete. */
export interface Deletion {
	readonly name: string;
	readonly createdAt: string;
}

/** Who deletes, in which request, and where each step is audited. */
export interface DeletionContext extends AuditStamp {
	readonly requestId: string;
	readonly step: RecordStep;
}

/**
 * Deletes a deployment: nobody finds it any more, and its secrets are soft-deleted. The name stays
 * registered. After a failure the recovery of any process completes the deletion.
 */
export async function deleteDeployment(
	store: Store,
	{ name, createdAt }: Deletion,
	{ subject, at, requestId, step }: DeletionContext,
): Promise<void> {
	const journal: DeletionJournal = { createdAt, by: subject, at: at.toISOString(), requestId };
	// A journal that exists is one of the same deployment: only its deletion continues.
	await store.put(journalOf(name), { journal: JSON.stringify(journal) }, 0);
	await complete(store, name, journal, step);
}

/** Completes a deletion if the process that began it has ended. */
export async function completeAbandonedDeletion(
	store: Store,
	name: string,
	now: Date,
	stepFor: (requestId: string) => RecordStep,
): Promise<void> {
	const head = await store.head(journalOf(name));
	const text = (await store.read(journalOf(name)))?.['journal'];
	if (head === undefined || text === undefined || !isAbandoned(head.writtenAt, now)) return;
	const journal = JOURNAL.parse(JSON.parse(text));
	await complete(store, name, journal, stepFor(journal.requestId));
}

/** The names of deployments whose deletion has begun and not ended. */
export async function unfinishedDeletions(store: Store): Promise<readonly string[]> {
	return (await store.list(JOURNALS)).filter((name) => parseName(name).ok);
}

/** Marks the deployment first: from then on, a call that creates a secret here undoes its own write. */
async function complete(
	store: Store,
	name: string,
	{ createdAt, by, at }: DeletionJournal,
	step: RecordStep,
): Promise<void> {
	if (await markDeleted(store, { name, createdAt }, by, at)) await deleteSecrets(store, name, step);
	await store.remove(journalOf(name));
}

async function deleteSecrets(store: Store, name: string, step: RecordStep): Promise<void> {
	const secrets = await liveSecrets(store, await locationsOf(store, 'deployment', name), AT_ONCE);
	await mapAtMost(AT_ONCE, secrets, ({ ref }) => {
		const note = { scope: folderOf(ref.location), key: ref.key };
		return step(ACTION, note, () => softDelete(store, pathOf(ref)));
	});
}

/** An update that was allowed before may write a version meanwhile. It is deleted as well. */
async function softDelete(store: Store, path: string): Promise<void> {
	for (;;) {
		const head = await store.head(path);
		if (head?.live !== true) return;
		await store.deleteVersion(path, head.version);
	}
}
