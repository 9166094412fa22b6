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

const pathOf = (id: string): string => `registry/keys/${id}`;
const AT_ONCE = 12;

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
	await addToIndex(store, key.subject, 'keys', key.id);
	await store.put(pathOf(key.id), { marker: 'envtier' }, 0);
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

/** Deletes a key of a subject; false when the subject has no key of that id. */
export async function deleteKey(store: Store, subject: string, id: string): Promise<boolean> {
	if (!/^[0-9a-f]{16}$/.test(id)) return false;
	const key = await findStoredKey(store, id);
	if (key?.subject !== subject) return false;
	await store.remove(pathOf(id));
	await removeFromIndex(store, subject, 'keys', id);
	return true;
}
