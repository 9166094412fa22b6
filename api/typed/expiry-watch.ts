import type { Logger } from 'pino';
import type { Store } from '../store/store.ts';
import { certificateEnds } from './expiry-index.ts';
import { startWatch, type WatchTimes } from './watch.ts';

/** How soon certificates end. */
export const ENDS = ['expired', '7d', '30d', 'later'] as const;
/** The number of certificates by how soon they end. */
export type ExpiryCounts = Readonly<Record<(typeof ENDS)[number], number>>;

const DAY_MS = 86_400_000;

/** Counts certificates by how soon they end, each once. */
export function countEnds(ends: readonly Date[], now: Date): ExpiryCounts {
	const counts = { expired: 0, '7d': 0, '30d': 0, later: 0 };
	for (const end of ends) {
		const days = (end.getTime() - now.getTime()) / DAY_MS;
		counts[days <= 0 ? 'expired' : days <= 7 ? '7d' : days <= 30 ? '30d' : 'later'] += 1;
	}
	return counts;
}

/**
 * Counts the certificates of typed secrets some time after the start and then at each interval, both in ms.
 * Returns a function that stops it.
 *
 * @param record called with each count
 */
export function startExpiryWatch(
	store: Store,
	record: (counts: ExpiryCounts) => void,
	log: Logger,
	{ now, ...times }: WatchTimes & { readonly now: () => Date },
): () => void {
	return startWatch(
		async () => {
			const at = now();
			record(countEnds(await certificateEnds(store, at), at));
		},
		(thrown) => log.warn({ problem: String(thrown) }, 'the certificates of typed secrets cannot be counted'),
		times,
	);
}
