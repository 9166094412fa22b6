import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { duration } from '../../contract/values.ts';
import type { ApiCall, ApiFailure } from '../remote/client.ts';
import type { AuditEntry } from './entry.ts';

/** Options that select entries. */
export interface QueryOptions {
	readonly deployment?: string | undefined;
	readonly all?: true | undefined;
	readonly actor?: string | undefined;
	readonly action?: string | undefined;
	readonly key?: string | undefined;
	readonly since: string;
	readonly until?: string | undefined;
}

/** The selected time range, and the query without its page. */
export interface AuditSelection {
	readonly since: Date;
	readonly until: Date;
	readonly query: string;
}

/** Entries of one request. */
const PAGE = 1000;

/** Parses the options. Durations count back from `now`, which also ends an open range. */
export function selectionOf(options: QueryOptions, now: Date): Result<AuditSelection> {
	const { deployment, all, actor, action, key } = options;
	const given = Object.entries({ deployment, actor, action, key }).filter(([, text]) => text !== undefined);
	if (deployment !== undefined && !parseName(deployment).ok)
		return err('--deployment must be the name of a deployment');
	if (key === '') return err('--key must not be empty');
	if (deployment !== undefined && all) return err('set either --deployment or --all');
	const since = timeOf(options.since, now);
	const until = options.until === undefined ? now : timeOf(options.until, now);
	for (const [name, time] of [
		['--since', since],
		['--until', until],
	] as const)
		if (time === undefined)
			return err(
				`${name} must be a duration such as 90d, 12h or 30m, or a time such as 2027-01-31T00:00:00Z`,
			);
	if (since === undefined || until === undefined) return err('the time is missing');
	if (since >= until) return err('--since must be before --until');
	const parameters = new URLSearchParams({
		...(Object.fromEntries(given) as Record<string, string>),
		...(all ? { all: 'true' } : {}),
		since: since.toISOString(),
		until: until.toISOString(),
	});
	return ok({ since, until, query: parameters.toString() });
}

function timeOf(text: string, now: Date): Date | undefined {
	const back = duration(0)(text);
	if (back.ok) return new Date(now.getTime() - back.value);
	if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
	const time = new Date(text);
	return Number.isNaN(time.getTime()) ? undefined : time;
}

/** The entries, page by page, in the order time, replica, sequence. Ends with the first failure. */
export async function* entriesOf(
	call: ApiCall,
	{ query }: AuditSelection,
	limit: number,
): AsyncGenerator<Result<readonly AuditEntry[], ApiFailure>> {
	let page: string | undefined;
	for (let left = limit; left > 0; ) {
		const at = page === undefined ? '' : `&page=${encodeURIComponent(page)}`;
		const answer = await call('GET', `/api/audit?${query}&limit=${Math.min(PAGE, left)}${at}`);
		if (!answer.ok) {
			yield answer;
			return;
		}
		const { entries, next } = answer.value as { entries: readonly AuditEntry[]; next?: string };
		yield ok(entries);
		if (next === undefined) return;
		page = next;
		left -= entries.length;
	}
}
