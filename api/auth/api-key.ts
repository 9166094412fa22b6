import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiScope, Caller, CallerRole } from './caller.ts';

/** The stored part of a key: enough to recognize the key, not enough to use it. */
export interface KeyRecord {
	readonly id: string;
	/** SHA-256 of the whole key, in hex. The key has 256 random bits, so no slow hash is needed. */
	readonly hash: string;
	readonly subject: string;
	readonly org: string | undefined;
	readonly roles: readonly CallerRole[];
	readonly scopes: readonly ApiScope[];
	/** Undefined: it does not expire. Only keys in the operator's file may have no expiry. */
	readonly expiresAt: Date | undefined;
}

/** Finds the record of a key by its id. */
export type FindKey = (id: string) => Promise<KeyRecord | undefined>;

const PREFIX = 'envtier_';
const KEY = /^envtier_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/** True for text with the form of an Envtier key. Secret scanners recognize the same form. */
export function looksLikeKey(credential: string): boolean {
	return credential.startsWith(PREFIX);
}

/** Makes a key. `text` is shown once, to its owner; the API stores `id` and `hash`. */
export function newKey(): { readonly text: string; readonly id: string; readonly hash: string } {
	const id = randomBytes(8).toString('hex');
	const text = `${PREFIX}${id}_${randomBytes(32).toString('base64url')}`;
	return { text, id, hash: hashOf(text) };
}

/** SHA-256 of a key, in hex. */
function hashOf(text: string): string {
	return createHash('sha256').update(text).digest('hex');
}

/** The caller that a key identifies; undefined when there is no such key or it has expired. */
export async function authenticateKey(text: string, find: FindKey, now: Date): Promise<Caller | undefined> {
	const id = KEY.exec(text)?.[1];
	if (id === undefined) return undefined;
	const record = await find(id);
	// Compares also when there is no record, so that the response time does not tell the two cases apart.
	const same = timingSafeEqual(Buffer.from(hashOf(text)), Buffer.from(record?.hash ?? '0'.repeat(64)));
	if (record === undefined || !same) return undefined;
	if (record.expiresAt !== undefined && record.expiresAt <= now) return undefined;
	const { subject, org, roles, scopes } = record;
	return { kind: 'api-key', subject, org, roles: new Set(roles), scopes: new Set(scopes) };
}
