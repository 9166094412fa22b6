import type { VaultAccess } from '../../lib/vault/ask.ts';
import { responseOf } from '../../lib/vault/response.ts';
import { decodePage, type Heads, type Page, type Position, readPages } from './vault-pages.ts';

/**
 * Maximum number of names in one response. With the usual ten versions each it stays within `ANSWER_LIMITS`.
 */
const PAGE = 1_024;
/** Time until the list is tried again after the server or a policy did not support it, in ms. */
const ASK_AGAIN = 10 * 60_000;

/** Lists the secrets of a folder with their metadata; undefined if server or policy do not allow that. */
type ListHeads = (folder: string) => Promise<Heads | undefined>;

/** Options of the list. */
interface ListHeadsOptions {
	/** A monotonic clock, in ms. */
	readonly now?: () => number;
	/** Names per page. */
	readonly page?: number;
}

/**
 * Lists with `LIST detailed-metadata/`. OpenBao has it since 2.2; HashiCorp Vault does not have it. If the
 * server lacks it, every list returns undefined at once for ten minutes. After a refusal by policy the same
 * holds, but only for that token.
 *
 * @param at path of a folder, with mount and `detailed-metadata/`
 */
export function createListHeads(
	{ client, session, observe }: VaultAccess,
	at: (folder: string) => string,
	{ now = () => performance.now(), page: pageLimit = PAGE }: ListHeadsOptions = {},
): ListHeads {
	/** True after the first page: only then a 404 means an empty folder. */
	let supported = false;
	let missing: { readonly until: number; readonly token: string | undefined } | undefined;

	const isMissing = async (): Promise<boolean> => {
		if (missing === undefined || now() >= missing.until) return false;
		return missing.token === undefined || missing.token === (await session.token());
	};
	const readPage = async (folder: string, { after, limit }: Position): Promise<Page> => {
		const token = await session.token();
		const start = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
		const outcome = await client.read(`${at(folder)}/?list=true&limit=${limit}${start}`, token);
		if (!outcome.ok && outcome.error.kind === 'too-large') return { kind: 'too-large' };
		const response = responseOf(outcome, client);
		observe('list-heads', response.status);
		// Not sent again with another token: the caller then lists in another way and renews the token there.
		return response.status === 403 ? { kind: 'forbidden', token } : decodePage(response);
	};
	return async (folder) => {
		if (await isMissing()) return undefined;
		const all = await readPages((position) => readPage(folder, position), pageLimit, folder);
		switch (all.kind) {
			case 'all':
				supported = true;
				return all.heads;
			case 'none':
				return supported ? new Map() : undefined;
			case 'too-large':
				return undefined;
			case 'unsupported':
				missing = { until: now() + ASK_AGAIN, token: undefined };
				return undefined;
			case 'forbidden':
				missing = { until: now() + ASK_AGAIN, token: all.token };
				return undefined;
			default:
				return all satisfies never;
		}
	};
}
