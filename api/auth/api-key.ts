import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiScope, Caller, CallerRole } from './caller.ts';

/** What is kept of a key: enough to know it again, not enough to use it. */
export interface KeyRecord {
	readonly id: string;
	/** SHA-256 of the whole key, in hex. The key has 256 random bits, so no slow hash is needed. */
	readonly hash: string;
	readonly subject: string;
	readonly org: string | undefined;
	readonly roles: readonly CallerRole[];
	readonly scopes: readonly ApiScope[];
	/** Undefined: it doesn't end. Only keys in the operator's file may. */
	readonly expiresAt: Date | undefined;
}

/** Where keys are looked up by their id. */
export type FindKey = (id: string) => Promise<KeyRecord | undefined>;

const PREFIX = 'envtier_';
const KEY = /^envtier_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

/** True for what looks like a key of ours, so that secret scanners and we can tell. */
export function looksLikeKey(credential: string): boolean {
	return credential.startsWith(PREFIX);
}

/** Makes a key. The text is for its owner and shown once; `id` and `hash` are kept. */
export function newKey(): { readonly text: string; readonly id: string; readonly hash: string } {
	const id = randomBytes(8).toString('hex');
	const text = `${PREFIX}${id}_${randomBytes(32).toString('base64url')}`;
	return { text, id, hash: hashOf(text) };
}

/** SHA-256 of a key, in hex. */
function hashOf(text: string): string {
	return createHash('sha256').update(text).digest('hex');
}

/** The caller behind a key; undefined when there is no such key or its time is over. */
export async function authenticateKey(text: string, find: FindKey, now: Date): Promise<Caller | undefined> {
	const id = KEY.exec(text)?.[1];
	if (id === undefined) return undefined;
	const record = await find(id);
	// Compared also when there is no record, so that time doesn't tell the two cases apart.
	const same = timingSafeEqual(Buffer.from(hashOf(text)), Buffer.from(record?.hash ?? '0'.repeat(64)));
	if (record === undefined || !same) return undefined;
	if (record.expiresAt !== undefined && record.expiresAt <= now) return undefined;
	const { subject, org, roles, scopes } = record;
	return { kind: 'api-key', subject, org, roles: new Set(roles), scopes: new Set(scopes) };
}
