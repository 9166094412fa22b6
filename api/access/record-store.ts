import { parseName } from '../../contract/names.ts';
import type { Result } from '../../contract/result.ts';
import { mapAtMost } from '../concurrency.ts';
import { NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import { userSegment } from '../secrets/secret-location.ts';
import type { Store } from '../store/store.ts';
import { type AccessRecord, decodeAccess, encodeAccess } from './record.ts';

/** Everything about access is below this folder: a policy can give it to another program alone. */
const FOLDER = 'registry/access';
const DEPLOYMENTS = `${FOLDER}/deployments`;
const MEMBERS = `${FOLDER}/members`;
const recordOf = (name: string): string => `${DEPLOYMENTS}/${name}`;
const memberIndex = (member: string): string => `${MEMBERS}/${userSegment(member)}`;
const orgIndex = (org: string): string => `${FOLDER}/orgs/${org}`;
const MARKER = { marker: 'envtier' };
const AT_ONCE = 12;

/** The access record of a deployment; undefined if there is none yet. */
export async function readAccess(store: Store, name: string): Promise<AccessRecord | undefined> {
	return decodeAccess(await store.read(recordOf(name)));
}

/**
 * Changes a record by check-and-set. When another call changes it at the same time, `change` decides again.
 *
 * @param initial the record of a deployment that has none yet
 * @param change returns the new record, or why the change is refused
 */
export async function changeAccess(
	store: Store,
	name: string,
	initial: (stored: AccessRecord | undefined) => AccessRecord | undefined,
	change: (record: AccessRecord) => Result<AccessRecord, Problem>,
): Promise<Result<AccessRecord, Problem>> {
	// The loop ends: each conflict means that another call has succeeded.
	for (;;) {
		// Reads the version first: if the content read is newer, the write conflicts.
		const version = (await store.head(recordOf(name)))?.version ?? 0;
		const before = initial(await readAccess(store, name));
		if (before === undefined) return refuse(403, NOT_YOUR_DEPLOYMENT);
		const after = change(before);
		if (!after.ok) return after;
		await addToIndexes(store, name, after.value);
		if ((await store.put(recordOf(name), encodeAccess(after.value), version)) === 'conflict') continue;
		await removeFromIndexes(store, name, before, after.value);
		return after;
	}
}

/** Writes the first record of a deployment. False when there is one already. */
export async function recordAccess(store: Store, name: string, record: AccessRecord): Promise<boolean> {
	const head = await store.head(recordOf(name));
	if (head?.live === true) return false;
	await addToIndexes(store, name, record);
	return (await store.put(recordOf(name), encodeAccess(record), head?.version ?? 0)) === 'written';
}

/** The names of all deployments that have a record. */
export async function recordedNames(store: Store): Promise<ReadonlySet<string>> {
	return new Set(await store.list(DEPLOYMENTS));
}

function indexesOf({ org, members, transfer }: AccessRecord): readonly string[] {
	const who = [...members.map(({ member }) => member), ...(transfer === undefined ? [] : [transfer.to])];
	return [...(org === '' ? [] : [orgIndex(org)]), ...new Set(who.map(memberIndex))];
}

/** Call it before the record is written: an entry alone is ignored, a record without an entry is lost. */
async function addToIndexes(store: Store, name: string, record: AccessRecord): Promise<void> {
	await mapAtMost(AT_ONCE, indexesOf(record), (folder) => store.put(`${folder}/${name}`, MARKER, 0));
}

async function removeFromIndexes(
	store: Store,
	name: string,
	before: AccessRecord,
	after: AccessRecord,
): Promise<void> {
	const kept = indexesOf(after);
	const gone = indexesOf(before).filter((folder) => !kept.includes(folder));
	if (gone.length === 0) return;
	await mapAtMost(AT_ONCE, gone, (folder) => store.remove(`${folder}/${name}`));
	// Another call may have added the same member again meanwhile.
	const now = await readAccess(store, name);
	if (now !== undefined && indexesOf(now).some((folder) => gone.includes(folder)))
		await addToIndexes(store, name, now);
}

/**
 * The deployments in the indexes of some members. It lists the index itself first, because a caller may be in
 * many groups of which few are members of anything.
 */
export async function indexedForMembers(
	store: Store,
	members: readonly string[],
): Promise<readonly string[]> {
	const folders = new Set(await store.list(MEMBERS));
	const present = members
		.map(memberIndex)
		.filter((folder) => folders.has(`${folder.slice(MEMBERS.length + 1)}/`));
	const lists = await mapAtMost(AT_ONCE, present, (folder) => store.list(folder));
	return [...new Set(lists.flat())].filter((name) => parseName(name).ok);
}

/** The deployments in the index of an organization. */
export async function indexedForOrg(store: Store, org: string): Promise<readonly string[]> {
	return (await store.list(orgIndex(org))).filter((name) => parseName(name).ok);
}
