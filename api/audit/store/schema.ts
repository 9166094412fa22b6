import type { Selectable } from 'kysely';
import type { StampedLine } from '../../../lib/audit/lines.ts';
import type { AuditEntry } from './store.ts';

/** One row for each audit line. Times are milliseconds since 1970; absent texts are empty. */
export interface EntryRow {
	replica: string;
	sequence: number;
	time: number;
	event_id: string;
	phase: string;
	actor: string;
	/** Leads to `audit_emails`, so that an address can be erased and the entry stays. */
	email_id: string | null;
	via: string;
	action: string;
	scope: string;
	key: string;
	secret_type: string;
	result: string;
	status: number | null;
	/** The version that the line's call wrote; null if it wrote none. */
	version: number | null;
	request_id: string;
	ip: string;
	elevation: string;
	reason: string;
	org: string;
	deployment: string;
	loaded_by: string;
}

/** One row for each actor and address of a replica. */
export interface EmailRow {
	id: string;
	actor: string;
	email: string;
}

/** The tables of the audit store. */
export interface AuditTables {
	audit_entries: EntryRow;
	audit_emails: EmailRow;
}

/** Maximum length of a stored text, in UTF-16 code units. No text of the API is longer. */
const MAX_TEXT = 1024;

/** A text that every database stores: no NUL, no half of a surrogate pair, not too long. */
const storable = (text: string | undefined): string =>
	(text ?? '').slice(0, MAX_TEXT).replaceAll('\0', '\ufffd').toWellFormed();

/** The deployment that a scope belongs to; empty if none. */
function deploymentOf(scope: string): string {
	return /^(?:registry\/(?:access\/)?)?deployments\/([^/]+)/.exec(scope)?.[1] ?? '';
}

/** The organization that an entry belongs to: the one of its scope, else the actor's. */
function orgOf({ scope, org = '' }: StampedLine): string {
	return /^(?:registry\/(?:access\/)?)?orgs\/([^/]+)/.exec(scope)?.[1] ?? org;
}

/**
 * The row of a line.
 *
 * @param emailId the id of the actor's address
 */
export function rowOf(line: StampedLine, emailId: string | null, loadedBy: string): EntryRow {
	const ended = line.phase === 'result';
	return {
		replica: storable(line.replica),
		sequence: line.sequence,
		time: Date.parse(line.time),
		event_id: storable(line.eventId),
		phase: line.phase,
		actor: storable(line.actor),
		email_id: emailId,
		via: line.via,
		action: storable(line.action),
		scope: storable(line.scope),
		key: storable(line.key),
		secret_type: storable(line.secretType),
		result: ended ? line.result : '',
		status: ended ? line.status : null,
		version: ended ? (line.version ?? null) : null,
		request_id: storable(line.requestId),
		ip: storable(line.ip),
		elevation: storable(line.elevation),
		reason: storable(line.reason),
		org: storable(orgOf(line)),
		deployment: storable(deploymentOf(line.scope)),
		loaded_by: storable(loadedBy),
	};
}

/** The entry of a row. PostgreSQL returns 64-bit numbers as texts. */
export function entryOf(row: Selectable<EntryRow> & { readonly email: string | null }): AuditEntry {
	const optional = {
		...(row.email === null ? {} : { email: row.email }),
		...(row.secret_type === '' ? {} : { secretType: row.secret_type }),
		...(row.elevation === '' ? {} : { elevation: row.elevation }),
		...(row.reason === '' ? {} : { reason: row.reason }),
		...(row.org === '' ? {} : { org: row.org }),
		...(row.loaded_by === '' ? {} : { loadedBy: row.loaded_by }),
	};
	const common = {
		time: new Date(Number(row.time)).toISOString(),
		actor: row.actor,
		via: row.via as AuditEntry['via'],
		action: row.action,
		eventId: row.event_id,
		scope: row.scope,
		key: row.key,
		requestId: row.request_id,
		ip: row.ip,
		replica: row.replica,
		sequence: Number(row.sequence),
		...optional,
	};
	if (row.phase === 'intent') return { phase: 'intent', ...common };
	// Only `rowOf` writes rows, so the result is one of the results.
	const result = row.result as Extract<AuditEntry, { phase: 'result' }>['result'];
	const version = row.version === null ? {} : { version: Number(row.version) };
	return { phase: 'result', ...common, result, status: row.status ?? 0, ...version };
}
