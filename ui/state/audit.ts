import { csvOf } from './texts.ts';

/** One line of the audit. */
export interface AuditEntry {
	readonly time: string;
	readonly phase: 'intent' | 'result';
	readonly actor: string;
	readonly via: string;
	readonly action: string;
	readonly scope: string;
	readonly key: string;
	readonly requestId: string;
	readonly ip: string;
	readonly result?: string;
	readonly status?: number;
	readonly reason?: string;
}

/** What somebody wants to see. */
export interface AuditFilter {
	readonly deployment: string;
	readonly actor: string;
	readonly action: string;
	readonly key: string;
	/** Days back from now. */
	readonly days: string;
}

/** The filter in an address. */
export function auditFilterOf(query: URLSearchParams): AuditFilter {
	const text = (name: string): string => query.get(name) ?? '';
	const days = /^[0-9]{1,4}$/.test(text('days')) ? text('days') : '1';
	return {
		deployment: text('deployment'),
		actor: text('actor'),
		action: text('action'),
		key: text('key'),
		days,
	};
}

/**
 * The call for a filter, with the newest entries first.
 *
 * @param now ms since 1970
 * @param limit the number of entries of one page, at most 1,000
 */
export function auditPath(
	{ deployment, actor, action, key, days }: AuditFilter,
	now: number,
	{ limit = 500, page = '' } = {},
): string {
	const since = new Date(now - Number(days) * 86_400_000).toISOString();
	const given = Object.entries({
		...{ deployment, actor, action, key, since },
		...{ order: 'newest', limit: String(limit), page },
	}).filter(([, text]) => text !== '');
	return `/api/audit?${new URLSearchParams(given)}`;
}

/** Results only: each event has an intent line too. */
export function shownEntries(entries: readonly AuditEntry[]): readonly AuditEntry[] {
	return entries.filter(({ phase }) => phase === 'result');
}

const COLUMNS = [
	'time',
	'actor',
	'via',
	'action',
	'scope',
	'key',
	'result',
	'status',
	'reason',
	'ip',
	'requestId',
] as const;

/** Entries as CSV. */
export function auditCsv(entries: readonly AuditEntry[]): string {
	return csvOf(
		COLUMNS,
		entries.map((entry) => COLUMNS.map((name) => String(entry[name] ?? ''))),
	);
}
