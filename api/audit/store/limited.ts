import { createQueue } from '../../concurrency.ts';
import { type AuditStore, AuditStoreFailure } from './store.ts';

/** Queries of one replica at the same time, how many more wait, and the longest wait in ms. */
const QUERIES = { atOnce: 2, waiting: { most: 16, longest: 3_000 } };

/**
 * The same store for calls. It runs few queries at the same time, so that nobody can use up its connections.
 * Every failure is an `AuditStoreFailure`, because a database's message may quote data.
 */
export function limitQueries(store: AuditStore): AuditStore {
	const queue = createQueue(QUERIES.atOnce, QUERIES.waiting);
	const safe = async <T>(work: () => Promise<T>): Promise<T> => {
		const answer = await queue(async () => {
			try {
				return { value: await work() };
			} catch (thrown) {
				const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
				throw new AuditStoreFailure(`the audit store failed (${code})`, { cause: thrown });
			}
		});
		if (answer === undefined) throw new AuditStoreFailure('too many queries of the audit store');
		return answer.value;
	};
	return {
		insert: (lines, loadedBy) => safe(() => store.insert(lines, loadedBy)),
		page: (query) => safe(() => store.page(query)),
		written: (query) => safe(() => store.written(query)),
		check: () => safe(() => store.check()),
		close: () => store.close(),
	};
}
