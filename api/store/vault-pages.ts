import { decodeHead } from '../../lib/kv/head.ts';
import type { VaultResponse } from '../../lib/vault/types.ts';
import { type Head, StoreFailure } from './store.ts';
import { DETAILED_KEYS } from './vault-metadata.ts';

/** If a page is too large, the next request asks for half as many names, but for no fewer than this. */
const SMALLEST_PAGE = 50;
/** Maximum number of names in one folder. */
const NAMES_LIMIT = 200_000;

/** Secrets by name. */
export type Heads = ReadonlyMap<string, Head>;

/** The start of a page, and its maximum number of names. */
export interface Position {
	readonly after: string | undefined;
	readonly limit: number;
}

/** The outcome of a request that returned no page. */
export type NoPage =
	/** There is no such folder, or the server has no such list and does not report that. */
	| { readonly kind: 'none' }
	/** The response is larger than the client reads. */
	| { readonly kind: 'too-large' }
	/** The server has no such list. */
	| { readonly kind: 'unsupported' }
	/** The policy of the token does not allow it, or the token is no longer valid. */
	| { readonly kind: 'forbidden'; readonly token: string };

/** The outcome of a request for a page; `names` are of secrets and folders. */
export type Page =
	| { readonly kind: 'page'; readonly names: readonly string[]; readonly heads: Heads }
	| NoPage;

/** Decodes OpenBao's response to a list of `detailed-metadata/`. */
export function decodePage({ status, json }: VaultResponse): Page {
	if (status === 404) return isEmptyFolder(json) ? { kind: 'none' } : { kind: 'unsupported' };
	if (status !== 200) return { kind: 'unsupported' };
	if (json === undefined) return { kind: 'too-large' };
	const parsed = DETAILED_KEYS.safeParse(json);
	if (!parsed.success) return { kind: 'unsupported' };
	const { keys: names, key_info: details } = parsed.data.data;
	const heads = new Map<string, Head>();
	for (const name of names) {
		// Without details: the secret was removed meanwhile.
		if (name.endsWith('/') || !Object.hasOwn(details, name)) continue;
		const head = decodeHead(details[name as keyof typeof details]);
		if (head === undefined) return { kind: 'unsupported' };
		heads.set(name, head);
	}
	return { kind: 'page', names, heads };
}

/**
 * True for the 404 of an empty folder. An engine without this list adds a warning, a missing engine an error.
 */
function isEmptyFolder(json: unknown): boolean {
	const { errors, warnings } = (json ?? {}) as { errors?: unknown; warnings?: unknown };
	return Array.isArray(errors) && errors.length === 0 && (warnings ?? null) === null;
}

/**
 * Reads all pages of a folder.
 *
 * @param limit names per page
 */
export async function readPages(
	read: (position: Position) => Promise<Page>,
	limit: number,
	folder: string,
): Promise<{ readonly kind: 'all'; readonly heads: Heads } | NoPage> {
	const heads = new Map<string, Head>();
	let position: Position = { after: undefined, limit };
	let count = 0;
	do {
		const { page, limit } = await readFittingPage(read, position);
		if (page.kind === 'none' && position.after !== undefined) break;
		if (page.kind !== 'page') return page;
		for (const [name, head] of page.heads) heads.set(name, head);
		count += page.names.length;
		if (count > NAMES_LIMIT)
			throw new StoreFailure('bad-answer', `${folder} has more than ${NAMES_LIMIT} names`);
		// A server that ignores the limit returns all names at once.
		position = { after: page.names.length === limit ? page.names.at(-1) : undefined, limit };
	} while (position.after !== undefined);
	return { kind: 'all', heads };
}

/** Reads a page, with fewer names if it is too large. */
export async function readFittingPage(
	read: (position: Position) => Promise<Page>,
	position: Position,
): Promise<{ readonly page: Page; readonly limit: number }> {
	const { limit } = position;
	const page = await read(position);
	if (page.kind !== 'too-large' || limit <= SMALLEST_PAGE) return { page, limit };
	return readFittingPage(read, { ...position, limit: Math.max(SMALLEST_PAGE, Math.floor(limit / 2)) });
}
