import { randomBytes } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { mapAtMost } from '../concurrency.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import type { Head, Store } from '../store/store.ts';
import { folderOf, idOf, type Place, pathOf, type SecretRef, type Spot } from './secret-location.ts';

/** What is known of a secret; never its value. */
export interface Known extends Spot {
	readonly id: string;
	readonly description: string;
}

/** Who does something, and when. */
export interface Deed {
	readonly subject: string;
	readonly at: Date;
}

/** Requests to the store at a time, for one call. */
const AT_ONCE = 12;

/**
 * Creates a secret, also over one that was soft-deleted. Of concurrent calls exactly one succeeds.
 *
 * @param isStill asked once the value is written: whether the place still is what the call was allowed for. Else it is taken back
 */
export async function createSecret(
	store: Store,
	spot: Spot,
	given: { readonly value: string; readonly description: string },
	deed: Deed,
	isStill: () => Promise<Result<void, Problem>> = () => Promise.resolve(ok(undefined)),
): Promise<Result<Known, Problem>> {
	const outcome = await putNew(store, pathOf(spot), given.value);
	if (outcome === 'conflict')
		return refuse(409, `the key ${spot.key} exists at this scope already; PUT changes its value`);
	const stamp = newStamp();
	const describing = store.describe(pathOf(spot), {
		...initialMetadata(spot, stamp, deed),
		owner: ownerOf(spot.place, deed.subject),
		description: given.description || null,
		// What a soft-deleted predecessor left.
		updated_by: null,
		updated_at: null,
		copied_from: null,
		copy: null,
	});
	const [, still] = await Promise.all([describing, isStill()]);
	if (still.ok) return ok({ ...spot, id: idOf(spot, stamp), description: given.description });
	// Else it would become a secret of whoever creates the template or deployment of that name next.
	if ((await store.head(pathOf(spot)))?.metadata['stamp'] === stamp) await store.remove(pathOf(spot));
	return still;
}

/** Vault's bound of one value of custom_metadata, in bytes. */
const METADATA_BYTES = 512;

/** Makes the stamp of a secret that is being created: 96 random bits. */
export function newStamp(): string {
	return randomBytes(12).toString('base64url');
}

/**
 * The metadata that every secret starts with. The longest names make an id that is too long for them: it is left out then, for path
 * and stamp say it as well.
 */
export function initialMetadata(
	spot: Spot,
	stamp: string,
	deed: Deed,
): {
	readonly id: string | null;
	readonly stamp: string;
	readonly created_by: string;
	readonly created_at: string;
} {
	const id = idOf(spot, stamp);
	const kept = id.length <= METADATA_BYTES ? id : null;
	return { id: kept, stamp, created_by: deed.subject, created_at: deed.at.toISOString() };
}

/** The stamp of a secret. One that was written past the API has none in its metadata: then it is the time of its creation. */
function stampOf({ metadata, createdAt }: Head): string {
	return metadata['stamp'] ?? `t${createdAt.getTime().toString(36)}`;
}

/** True when the secret at a path is still the one that `ref` means, and not a later one of the same name. */
function isMeant({ stamp }: SecretRef, head: Head | undefined): head is Head {
	if (head?.live !== true) return false;
	return stamp === undefined ? head.metadata['stamp'] === undefined : stamp === stampOf(head);
}

function ownerOf(place: Place, subject: string): string {
	return place.kind === 'org' ? `org:${place.org}` : subject;
}

/** Writes a value where none lives: nothing was ever there, or what was there is deleted. */
export async function putNew(store: Store, path: string, value: string): Promise<'written' | 'conflict'> {
	const fields = { [VALUE_FIELD]: value };
	if ((await store.put(path, fields, 0)) === 'written') return 'written';
	const head = await store.head(path);
	if (head?.live) return 'conflict';
	// Removed in between, or only described: then there is no version. Whoever writes over the same version first wins.
	return store.put(path, fields, head?.version ?? 0);
}

/**
 * Changes a secret's value, and its description if one is given. A secret that is deleted meanwhile stays deleted, and one that was created
 * after it at the same path keeps its value.
 */
export async function updateSecret(
	store: Store,
	ref: SecretRef,
	given: { readonly value: string; readonly description: string | undefined },
	deed: Deed,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	// Ends: whenever this call has to try again, another one got something done.
	for (;;) {
		const head = await store.head(path);
		if (!isMeant(ref, head)) return refuse(404, NO_SUCH_SECRET);
		const written = await store.put(path, { [VALUE_FIELD]: given.value }, head.version);
		if (written === 'conflict') continue;
		const { description } = given;
		await store.describe(path, {
			...(description === undefined ? {} : { description: description || null }),
			updated_by: deed.subject,
			updated_at: deed.at.toISOString(),
		});
		return ok(undefined);
	}
}

/** Removes a secret with all its versions and what was known of it. */
export async function deleteSecret(store: Store, ref: SecretRef): Promise<Result<void, Problem>> {
	if (!isMeant(ref, await store.head(pathOf(ref)))) return refuse(404, NO_SUCH_SECRET);
	await store.remove(pathOf(ref));
	return ok(undefined);
}

/** The secrets of some places, sorted by place and key: one request a place and one a key. */
export async function listSecrets(store: Store, places: readonly Place[]): Promise<readonly Known[]> {
	const spots = (await mapAtMost(AT_ONCE, places, (place) => spotsIn(store, place))).flat();
	const found = await mapAtMost(AT_ONCE, spots, async (spot) => ({
		spot,
		head: await store.head(pathOf(spot)),
	}));
	return found.flatMap(({ spot, head }) => (head?.live ? [knownOf(spot, head)] : []));
}

function knownOf(spot: Spot, head: Head): Known {
	return { ...spot, id: idOf(spot, stampOf(head)), description: head.metadata['description'] ?? '' };
}

/** What lies in a place. Names that no pod could receive, written past the API, are left out: it manages what pods receive. */
export async function spotsIn(store: Store, place: Place): Promise<readonly Spot[]> {
	const names = await store.list(folderOf(place));
	return names.filter(isKey).map((key) => ({ place, key }));
}
