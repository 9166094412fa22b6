import { createHash } from 'node:crypto';
import { mapAtMost } from '../concurrency.ts';
import { decodeRef, encodeRef } from '../secrets/ref-metadata.ts';
import { pathOf, type SecretRef } from '../secrets/secret-location.ts';
import type { Store } from '../store/store.ts';

/** The index of secrets with certificates. Without it the API would have to list everything. */
const FOLDER = 'registry/certificates';
/** The key of a typed secret that the index names: each other one ends at the same time. */
export const EXPIRY_PART = 'caCert';
const MARKER = { marker: 'envtier' };
/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 4;
/** Maximum number of entries that one count reads. Each needs two requests. */
const MAX_ENTRIES = 5_000;
/** Age in ms from which an entry without its secret is removed: a creation writes the entry first. */
const STALE_AFTER = 600_000;

const entryOf = (ref: SecretRef): string =>
	`${FOLDER}/${createHash('sha256').update(pathOf(ref)).digest('hex').slice(0, 32)}`;

/** Adds a key whose metadata say when its certificate ends. An existing entry is not an error. */
export async function addToExpiryIndex(store: Store, ref: SecretRef): Promise<void> {
	const entry = entryOf(ref);
	await store.put(entry, MARKER, 0);
	await store.describe(entry, encodeRef(ref));
}

/**
 * The times at which certificates of live secrets end. Removes entries whose secrets are gone for good.
 *
 * @param now decides which entries are old enough to be removed
 */
export async function certificateEnds(store: Store, now: Date): Promise<readonly Date[]> {
	const names = (await store.list(FOLDER)).filter((name) => /^[0-9a-f]{32}$/.test(name));
	const ends = await mapAtMost(AT_ONCE, names.slice(0, MAX_ENTRIES), async (name) => {
		const entry = await store.head(`${FOLDER}/${name}`);
		const ref = entry === undefined ? undefined : decodeRef(entry.metadata);
		const secret = ref === undefined ? undefined : await store.head(pathOf(ref));
		const isStale = entry !== undefined && now.getTime() - entry.createdAt.getTime() > STALE_AFTER;
		if (secret === undefined && isStale) await store.remove(`${FOLDER}/${name}`);
		const text = secret?.live === true ? secret.metadata['expires_at'] : undefined;
		return text === undefined ? [] : [new Date(text)];
	});
	return ends.flat();
}
