import { ok, type Result } from '../../contract/result.ts';
import { type Problem, refuse } from '../problem.ts';
import type { Head } from '../store/store.ts';

const HOUR = 3_600_000;

/**
 * Refuses a write over a key that got `limit` versions within the last hour. KV v2 keeps ten versions by
 * default, so a few writes more would push the whole history out.
 *
 * @param limit must be lower than the number of versions that the store keeps, because it counts those
 */
export function checkOverwrites(
	{ versions }: Pick<Head, 'versions'>,
	limit: number,
	now: Date,
): Result<void, Problem> {
	const since = now.getTime() - HOUR;
	const recent = versions.filter(({ number, createdAt }) => number > 1 && createdAt.getTime() > since);
	if (recent.length < limit) return ok(undefined);
	return refuse(
		429,
		`this key was overwritten ${recent.length} times within an hour, and may be ${limit} times: more would push old versions out of its history`,
	);
}
