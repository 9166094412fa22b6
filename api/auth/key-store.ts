import { z } from 'zod';
import { parseName } from '../../contract/names.ts';
import { mapAtMost } from '../concurrency.ts';
import { addToIndex, indexEntries, removeFromIndex } from '../deployments/registry.ts';
import type { Store } from '../store/store.ts';
import type { KeyRecord } from './api-key.ts';
import { ORG_ROLES, type OrgRole, SCOPES } from './caller.ts';

/** A key that the API created. */
export interface StoredKey extends KeyRecord {
	/** The label that the owner chose. */
	readonly label: string;
	readonly createdAt: string;
	readonly roles: readonly OrgRole[];
	readonly expiresAt: Date;
}

const KEYS = 'registry/keys';
const ORGS = 'registry/orgs';
const pathOf = (id: string): string => `${KEYS}/${id}`;
/** The index of an organization holds the ids of its keys. */
const orgIndex = (org: string): string => `${ORGS}/${org}/keys`;
const MARKER = { marker: 'envtier' };
const KEY_ID = /^[0-9a-f]{16}$/;
const AT_ONCE = 12;
/** Requests at once in the background: calls go first. */
const FEW = 2;

/** The record of a key in custom_metadata: texts of at most 512 bytes, none of them empty. */
const RECORD = z.object({
	hash: z.string().regex(/^[0-9a-f]{64}$/),
	owner: z.string().min(1),
	org: z.string().optional(),
	roles: z.string().optional(),
	scopes: z.string(),
	label: z.string(),
	created_at: z.string(),
	expires_at: z.iso.datetime(),
});

/**
 * The key of that id; undefined if there is none, or if its record is incomplete or not written by the API.
 */
export async function findStoredKey(store: Store, id: string): Promise<StoredKey | undefined> {
	const head = await store.head(pathOf(id));
	const parsed = RECORD.safeParse(head?.metadata);
	if (!head?.live || !parsed.success) return undefined;
	const { hash, owner, org, roles = '', scopes, label, created_at, expires_at } = parsed.data;
	return {
		id,
		hash,
		subject: owner,
		org: org !== undefined && parseName(org).ok ? org : undefined,
		roles: ORG_ROLES.filter((role) => roles.split(' ').includes(role)),
		scopes: SCOPES.filter((scope) => scopes.split(' ').includes(scope)),
		label,
		createdAt: created_at,
		expiresAt: new Date(expires_at),
	};
}

/** Stores a new key. */
export async function saveKey(store: Store, key: StoredKey): Promise<void> {
	// The indexes first: an entry without its key is ignored, a key without its entry could not be revoked.
	await addToIndex(store, key.subject, 'keys', key.id);
	if (key.org !== undefined) await store.put(`${orgIndex(key.org)}/${key.id}`, MARKER, 0);
	await store.put(pathOf(key.id), MARKER, 0);
	await store.describe(pathOf(key.id), {
		hash: key.hash,
		owner: key.subject,
		org: key.org ?? null,
		roles: key.roles.join(' ') || null,
		scopes: key.scopes.join(' '),
		label: key.label,
		created_at: key.createdAt,
		expires_at: key.expiresAt.toISOString(),
	});
}

/** The keys of a subject. Expired keys stay in the list until they are deleted. */
export async function keysOf(store: Store, subject: string): Promise<readonly StoredKey[]> {
	const ids = await indexEntries(store, subject, 'keys');
	const keys = await mapAtMost(AT_ONCE, ids, (id) => findStoredKey(store, id));
	return keys.flatMap((key) => (key?.subject === subject ? [key] : []));
}

/** The keys of an organization, whoever they act for, sorted by id. */
export async function keysOfOrg(store: Store, org: string): Promise<readonly StoredKey[]> {
	const ids = (await store.list(orgIndex(org))).filter((id) => KEY_ID.test(id)).sort();
	const keys = await mapAtMost(AT_ONCE, ids, (id) => findStoredKey(store, id));
	return keys.flatMap((key) => (key?.org === org ? [key] : []));
}

/** Deletes a key of a subject; false when the subject has no key of that id. */
export function deleteKey(store: Store, subject: string, id: string): Promise<boolean> {
	return removeKey(store, id, (key) => key.subject === subject);
}

/** Deletes a key of an organization; false when the organization has no key of that id. */
export function deleteKeyOfOrg(store: Store, org: string, id: string): Promise<boolean> {
	return removeKey(store, id, (key) => key.org === org);
}

async function removeKey(store: Store, id: string, may: (key: StoredKey) => boolean): Promise<boolean> {
	if (!KEY_ID.test(id)) return false;
	const key = await findStoredKey(store, id);
	if (key === undefined || !may(key)) return false;
	await store.remove(pathOf(id));
	await removeFromIndex(store, key.subject, 'keys', id);
	if (key.org !== undefined) await store.remove(`${orgIndex(key.org)}/${id}`);
	return true;
}

/**
 * Adds the keys to the index of their organization that are not in it: those from before there was one.
 * Returns how many it added.
 */
export async function indexKeys(store: Store): Promise<number> {
	const ids = (await store.list(KEYS)).filter((id) => KEY_ID.test(id));
	if (ids.length === 0) return 0;
	const orgs = (await store.list(ORGS)).flatMap((entry) => (entry.endsWith('/') ? [entry.slice(0, -1)] : []));
	const indexed = await mapAtMost(FEW, orgs, (org) => store.list(orgIndex(org)));
	const known = new Set(indexed.flat());
	const unknown = ids.filter((id) => !known.has(id));
	const added = await mapAtMost(FEW, unknown, async (id) => {
		const org = (await findStoredKey(store, id))?.org;
		return org !== undefined && (await store.put(`${orgIndex(org)}/${id}`, MARKER, 0)) === 'written';
	});
	return added.filter((one) => one).length;
}
