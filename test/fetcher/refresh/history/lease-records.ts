import { readFile } from 'node:fs/promises';
import type { PostgresLogEntry } from '../../../support/postgres.ts';
import type { Issue, LeaseHistory, RoleEvent, Session } from './lease-checker.ts';

/** An entry of Vault's audit log with `log_raw`, so that names and passwords are readable. */
interface AuditEntry {
	readonly type: string;
	readonly time: string;
	readonly error?: string;
	readonly auth?: { readonly accessor?: string; readonly metadata?: Readonly<Record<string, string>> };
	readonly request: { readonly path: string };
	readonly response?: { readonly data?: Readonly<Record<string, unknown>> };
}

/** What Vault's audit log says of the leases of one role: users issued, and tokens revoked by themselves. */
export async function auditedLeases(
	file: string,
	role: string,
): Promise<Pick<LeaseHistory, 'issues' | 'revocations'>> {
	const issues: Issue[] = [];
	const revocations: { token: string; at: number }[] = [];
	for (const line of (await readFile(file, 'utf8')).split('\n')) {
		if (!line.includes('"type":"response"') || !line.includes(role)) continue;
		const { auth, time, error, request, response } = JSON.parse(line) as AuditEntry;
		if (auth?.metadata?.['role'] !== role || error !== undefined) continue;
		const [token, at] = [auth.accessor ?? '', Date.parse(time)];
		const { username, password } = response?.data ?? {};
		if (request.path.startsWith('database/creds/') && username !== undefined)
			issues.push({ user: String(username), password: String(password), token, at });
		if (request.path === 'auth/token/revoke-self') revocations.push({ token, at });
	}
	return { issues, revocations };
}

/** What PostgreSQL's log says of the users whose names have this text. */
export function loggedRoles(
	entries: readonly PostgresLogEntry[],
	text: string,
): Pick<LeaseHistory, 'created' | 'dropped' | 'sessions' | 'refusals'> {
	const timed = entries.map((entry) => ({ ...entry, at: timeOf(entry) }));
	const roleEvents = (statement: string): readonly RoleEvent[] =>
		timed.flatMap(({ message, at }) => {
			const user = new RegExp(`${statement} "(v-[^"]+)"`).exec(message)?.[1];
			return user?.includes(text) === true ? [{ user, at }] : [];
		});
	const about = timed.filter(({ user = '' }) => user.startsWith('v-') && user.includes(text));
	const ends = new Map(
		about.flatMap(({ message, session_id, at }) =>
			message.startsWith('disconnection:') ? [[session_id, at] as const] : [],
		),
	);
	const sessions = about.flatMap(({ user = '', message, session_id, at }): Session[] =>
		message.startsWith('connection authorized:') ? [{ user, from: at, to: ends.get(session_id) }] : [],
	);
	const refusals = about.flatMap(({ user = '', error_severity, message, at }) =>
		['ERROR', 'FATAL', 'PANIC'].includes(error_severity) ? [{ user, at, message }] : [],
	);
	return {
		created: roleEvents('CREATE ROLE'),
		dropped: roleEvents('DROP ROLE(?: IF EXISTS)?'),
		sessions,
		refusals,
	};
}

/** `2026-11-28 12:00:00.123 UTC` in ms since 1970. */
function timeOf({ timestamp }: PostgresLogEntry): number {
	return Date.parse(timestamp.replace(' ', 'T').replace(' UTC', 'Z'));
}
