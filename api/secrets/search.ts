import { z } from 'zod';
import { isKey } from '../../contract/keys.ts';
import { parseJson } from '../../lib/parse/json.ts';
import { mapAtMost } from '../concurrency.ts';
import type { Head, Store } from '../store/store.ts';
import { readState } from '../typed/state.ts';
import { markUnfinished } from '../typed/unfinished.ts';
import { type FoundSecret, memberOf } from './found-secret.ts';
import { versionsIn } from './identity.ts';
import { tagsOf } from './metadata.ts';
import { folderOf, type SecretLocation } from './secret-location.ts';
import { readSecrets, type SecretSummary, secretsAt, secretsOf, summariesOf } from './secrets.ts';

/** Secrets on one page. */
const PAGE = 500;
/** Names that one call reads at most. With a filter that matches few secrets a page is shorter. */
const SCANNED = 5_000;
/** Maximum number of concurrent requests to the store, for one call. */
const AT_ONCE = 12;

/** What a secret must have to be listed. Undefined: anything. */
export interface SecretFilter {
	readonly tag: string | undefined;
	readonly type: string | undefined;
	/** A text in key or description, in any case. */
	readonly text: string | undefined;
	/** The value ends at this time or earlier. */
	readonly expiresBy: Date | undefined;
	/** True: only deleted secrets that can be undeleted. False: only live ones. */
	readonly deleted: boolean;
}

/** True when a secret passes a filter. */
function matches(secret: FoundSecret, filter: SecretFilter): boolean {
	const { ref, head } = secret;
	if (filter.deleted ? !isRestorable(head) : !head.live) return false;
	const { metadata } = head;
	const { tag, type, text, expiresBy } = filter;
	if (tag !== undefined && !tagsOf(metadata).includes(tag)) return false;
	const membership = memberOf(secret);
	if (type !== undefined && type !== (membership?.type ?? 'generic')) return false;
	if (text !== undefined && !holds(`${ref.key}\n${metadata['description'] ?? ''}`, text)) return false;
	const expires = membership === undefined ? undefined : metadata['expires_at'];
	return expiresBy === undefined || (expires !== undefined && new Date(expires) <= expiresBy);
}

function holds(whole: string, text: string): boolean {
	return whole.toLowerCase().includes(text.toLowerCase());
}

/** True when the current version is deleted and not destroyed. */
function isRestorable(head: Head): boolean {
	return !head.live && versionsIn(head).at(-1)?.destroyed === false;
}

/** All secrets of some locations that pass a filter, sorted by location and key. */
export async function searchSecrets(
	store: Store,
	locations: readonly SecretLocation[],
	filter: SecretFilter,
): Promise<readonly SecretSummary[]> {
	const all = await secretsAt(store, locations, AT_ONCE);
	const isWanted = (secret: FoundSecret): boolean => matches(secret, filter);
	if (filter.deleted) return summariesOf(all.filter(isWanted));
	// The summary of a typed secret needs all its keys, also those that the filter leaves out.
	const live = (await markUnfinished(store, all)).filter(({ head }) => head.live);
	return summariesOf(live).filter((_summary, index) => {
		const secret = live[index];
		return secret !== undefined && isWanted(secret);
	});
}

/** Where a page starts: after this key of this folder. */
export interface Cursor {
	readonly folder: string;
	readonly key: string;
}

/** A cursor as text. */
export function encodeCursor({ folder, key }: Cursor): string {
	return Buffer.from(JSON.stringify([folder, key])).toString('base64url');
}

const CURSOR = z.tuple([z.string(), z.string()]);

/** Decodes a cursor. It grants nothing: only the caller's own locations are searched. */
export function decodeCursor(text: string): Cursor | undefined {
	const decoded = parseJson(Buffer.from(text, 'base64url'));
	const parsed = CURSOR.safeParse(decoded.ok ? decoded.value : undefined);
	return parsed.success ? { folder: parsed.data[0], key: parsed.data[1] } : undefined;
}

/** A page of secrets, and where the next one starts; undefined on the last page. */
export interface SecretPage {
	readonly secrets: readonly SecretSummary[];
	readonly next: Cursor | undefined;
}

/**
 * One page of the secrets of some locations, sorted by folder and key. Sends one request per page and
 * location if the store supports that; otherwise one per location and one per key that it reads. A page may
 * be short, even empty, although there is a next one.
 */
export async function searchPage(
	store: Store,
	locations: readonly SecretLocation[],
	filter: SecretFilter,
	cursor: Cursor | undefined,
): Promise<SecretPage> {
	const taken: FoundSecret[] = [];
	let scanned = 0;
	for await (const chunk of chunksFrom(store, locations, cursor)) {
		const found = filter.deleted ? chunk.found : await markUnfinished(store, chunk.found);
		const matching = found.filter((secret) => matches(secret, filter));
		const room = PAGE - taken.length;
		taken.push(...matching.slice(0, room));
		const last = taken.at(-1)?.ref;
		if (matching.length > room && last !== undefined)
			return pageOf(store, taken, { folder: folderOf(last.location), key: last.key });
		scanned += chunk.scanned;
		if (taken.length === PAGE || scanned >= SCANNED) return pageOf(store, taken, chunk.next);
	}
	return pageOf(store, taken, undefined);
}

/** A page of these secrets. Reads the other keys of typed secrets that are not whole on this page. */
async function pageOf(
	store: Store,
	taken: readonly FoundSecret[],
	next: Cursor | undefined,
): Promise<SecretPage> {
	const summaries = summariesOf(taken);
	const members = Map.groupBy(taken, groupOf);
	const suspects = new Set(taken.filter((_, i) => summaries[i]?.typed.incomplete !== undefined).map(groupOf));
	const states = new Map(
		await mapAtMost(AT_ONCE, [...suspects], async (group) => {
			const state = await readState(store, members.get(group) ?? []);
			return [group, state] as const;
		}),
	);
	const secrets = summaries.map((summary, i) => {
		const secret = taken[i];
		const group = secret && groupOf(secret);
		if (group === undefined || !suspects.has(group)) return summary;
		return { ...summary, typed: { ...summary.typed, incomplete: states.get(group) } };
	});
	return { secrets, next };
}

/** The typed secret of a key; for a key of its own only its folder. */
function groupOf(secret: FoundSecret): string {
	const { type = '', name = '' } = memberOf(secret) ?? {};
	return `${folderOf(secret.ref.location)} ${type} ${name}`;
}

/** A part of a location. */
interface Chunk {
	readonly found: readonly FoundSecret[];
	/** The number of names that were read. */
	readonly scanned: number;
	/** Where the next chunk starts; undefined after the last one. */
	readonly next: Cursor | undefined;
}

/** Reads locations in the order of their folders, from a cursor on. */
async function* chunksFrom(
	store: Store,
	locations: readonly SecretLocation[],
	cursor: Cursor | undefined,
): AsyncGenerator<Chunk> {
	const sorted = locations
		.map((location) => ({ location, folder: folderOf(location) }))
		.filter(({ folder }) => cursor === undefined || folder >= cursor.folder)
		.sort((a, b) => (a.folder < b.folder ? -1 : 1));
	for (const [index, { location, folder }] of sorted.entries()) {
		let after = folder === cursor?.folder && cursor.key !== '' ? cursor.key : undefined;
		const following = sorted[index + 1]?.folder;
		do {
			const part = await readPart(store, location, after);
			after = part.next;
			const start = following === undefined ? undefined : { folder: following, key: '' };
			yield { ...part, next: after === undefined ? start : { folder, key: after } };
		} while (after !== undefined);
	}
}

/** A part of a location, and the name that the next part starts after; undefined after the last part. */
interface Part extends Omit<Chunk, 'next'> {
	readonly next: string | undefined;
}

async function readPart(store: Store, location: SecretLocation, after: string | undefined): Promise<Part> {
	const page = await store.listHeadsPage(folderOf(location), after, PAGE);
	if (page === undefined) return await readOneByOne(store, location, after);
	const found = secretsOf(location, page.heads);
	return { found, scanned: page.heads.size, next: page.next };
}

async function readOneByOne(
	store: Store,
	location: SecretLocation,
	after: string | undefined,
): Promise<Part> {
	const folder = folderOf(location);
	const names = (await store.list(folder)).filter(isKey).sort();
	const rest = after === undefined ? names : names.filter((name) => name > after);
	const part = rest.slice(0, PAGE);
	const refs = part.map((key) => ({ location, key }));
	const found = await readSecrets(store, refs, AT_ONCE);
	return { found, scanned: part.length, next: rest.length > PAGE ? part.at(-1) : undefined };
}
