import type { z } from 'zod';
import type { Result } from '../../contract/result.ts';
import { type Problem, refuse } from '../problem.ts';
import { durationOf, type filters } from '../schemas/search.ts';
import {
	decodeCursor,
	encodeCursor,
	type SecretFilter,
	searchPage,
	searchSecrets,
} from '../secrets/search.ts';
import type { SecretLocation } from '../secrets/secret-location.ts';
import type { SecretSummary } from '../secrets/secrets.ts';
import { type Reply, reply } from '../server/operation.ts';
import type { Store } from '../store/store.ts';

/** The header with which a list says that there is another page. */
export const NEXT_PAGE = {
	'Envtier-Next-Page': 'the value of `page` for the next page; absent on the last one',
} as const;

/** The checked query of a list. */
type ListQuery = z.output<typeof filters>;

function filterOf({ tag, type, q, expiring, deleted }: ListQuery, now: Date): SecretFilter {
	return {
		...{ tag, type, text: q },
		expiresBy: expiring === undefined ? undefined : new Date(now.getTime() + durationOf(expiring)),
		deleted: deleted === 'true',
	};
}

/** Replies with the secrets of some locations that pass the query's filters: all, or the page it asks for. */
export async function replyWithList(
	store: Store,
	locations: readonly SecretLocation[],
	query: ListQuery,
	now: Date,
	encode: (secret: SecretSummary) => object,
): Promise<Result<Reply, Problem>> {
	const filter = filterOf(query, now);
	if (query.page === undefined)
		return reply(200, (await searchSecrets(store, locations, filter)).map(encode));
	const cursor = query.page === '' ? undefined : decodeCursor(query.page);
	if (query.page !== '' && cursor === undefined)
		return refuse(400, 'page must be empty, or the header Envtier-Next-Page of the page before');
	const { secrets, next } = await searchPage(store, locations, filter, cursor);
	const headers = next === undefined ? {} : { 'Envtier-Next-Page': encodeCursor(next) };
	return reply(200, secrets.map(encode), headers);
}
