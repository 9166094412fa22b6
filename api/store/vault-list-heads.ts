import type { VaultAccess } from '../../lib/vault/ask.ts';
import { responseOf } from '../../lib/vault/response.ts';
import type { Store } from './store.ts';
import {
	decodePage,
	type NoPage,
	type Page,
	type Position,
	readFittingPage,
	readPages,
} from './vault-pages.ts';

/**
 * Maximum number of names in one response. With the usual ten versions each it stays within `ANSWER_LIMITS`.
 */
const PAGE = 1_024;
/** Time until the list is tried again after the server or a policy did not support it, in ms. */
const ASK_AGAIN = 10 * 60_000;

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
export function createHeadLists(
	{ client, session, observe }: VaultAccess,
	at: (folder: string) => string,
	{ now = () => performance.now(), page: pageLimit = PAGE }: ListHeadsOptions = {},
): Pick<Store, 'listHeads' | 'listHeadsPage'> {
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
	/** Remembers why there is no page. Returns true if the folder is empty. */
	const isEmpty = (reason: NoPage): boolean => {
		switch (reason.kind) {
			case 'none':
				return supported;
			case 'too-large':
				return false;
			case 'unsupported':
				missing = { until: now() + ASK_AGAIN, token: undefined };
				return false;
			case 'forbidden':
				missing = { until: now() + ASK_AGAIN, token: reason.token };
				return false;
			default:
				return reason satisfies never;
		}
	};
	return {
		listHeads: async (folder) => {
			if (await isMissing()) return undefined;
			const all = await readPages((position) => readPage(folder, position), pageLimit, folder);
			if (all.kind !== 'all') return isEmpty(all) ? new Map() : undefined;
			supported = true;
			return all.heads;
		},
		listHeadsPage: async (folder, after, limit) => {
			if (await isMissing()) return undefined;
			const first = { after, limit: Math.min(limit, pageLimit) };
			const read = await readFittingPage((position) => readPage(folder, position), first);
			const { page } = read;
			if (page.kind === 'page') {
				supported = true;
				return { heads: page.heads, next: page.names.length === read.limit ? page.names.at(-1) : undefined };
			}
			const isEnd = page.kind === 'none' && after !== undefined;
			return isEnd || isEmpty(page) ? { heads: new Map(), next: undefined } : undefined;
		},
	};
}
