/**
 * Checks what happened to the database users of one pod, by what a reader of its files saw, what Vault's
 * audit log says, and what PostgreSQL's log says. Pure: it takes records and gives violations. All times are
 * in ms of one clock.
 */
import type { Sample } from './checker.ts';

/** A user that Vault has issued, by its audit log. */
export interface Issue {
	readonly user: string;
	readonly password: string;
	/** The accessor of the token that it was issued with. */
	readonly token: string;
	/** When Vault answered. */
	readonly at: number;
}

/** The creation or the end of a role, by PostgreSQL's log. */
export interface RoleEvent {
	readonly user: string;
	readonly at: number;
}

/** A session, by PostgreSQL's log. */
export interface Session {
	readonly user: string;
	readonly from: number;
	/** Undefined if it is still open. */
	readonly to: number | undefined;
}

/** A connection that PostgreSQL refused, by its log. */
export interface Refusal {
	readonly user: string;
	readonly at: number;
	readonly message: string;
}

/** All records of one run. */
export interface LeaseHistory {
	/** What the files held, in order; each until the next one. */
	readonly samples: readonly Sample[];
	readonly issues: readonly Issue[];
	/** When Vault revoked tokens, by its audit log. */
	readonly revocations: readonly { readonly token: string; readonly at: number }[];
	readonly created: readonly RoleEvent[];
	readonly dropped: readonly RoleEvent[];
	readonly sessions: readonly Session[];
	readonly refusals: readonly Refusal[];
	/** A user must be in the files, or gone, within this time. */
	readonly bound: number;
}

/** Something that must not happen. */
export interface LeaseViolation {
	readonly rule:
		| 'mixed-lease'
		| 'unknown-role'
		| 'went-back'
		| 'file-after-end'
		| 'session-after-end'
		| 'refused-connection'
		| 'lost-lease'
		| 'too-many-roles';
	readonly at: number;
	readonly what: string;
}

/** At most so many users within a minute. */
const MOST = 2;
const MINUTE = 60_000;

/** All violations of a history, in the order of their times. */
export function leaseViolationsOf(history: LeaseHistory): readonly LeaseViolation[] {
	const rules = [mixed, unknown, ordered, filesAfterEnd, sessionsAfterEnd, refused, lost, tooMany];
	return rules.flatMap((rule) => [...rule(history)]).sort((a, b) => a.at - b.at);
}

/** The user in the first file of a sample. */
const userOf = ({ files }: Sample): string | undefined => Object.values(files)[0]?.['DB_USERNAME'];

/** The end of a user: Vault revoked its token, or PostgreSQL dropped it. */
function endOf({ issues, revocations, dropped }: LeaseHistory, user: string): number {
	const token = issues.find((issue) => issue.user === user)?.token;
	const ends = [
		...revocations.filter((one) => one.token === token),
		...dropped.filter((one) => one.user === user),
	];
	return Math.min(Number.POSITIVE_INFINITY, ...ends.map(({ at }) => at));
}

/** User, password and what is composed of them are of one issue, in each file of each look. */
function* mixed({ samples, issues }: LeaseHistory): Generator<LeaseViolation> {
	for (const { to: at, files } of samples)
		for (const [file, secrets] of Object.entries(files)) {
			const { DB_USERNAME: user = '', DB_PASSWORD: password, DATABASE_URL: url = '' } = secrets;
			const issue = issues.find((one) => one.user === user);
			if (issue === undefined)
				yield { rule: 'unknown-role', at, what: `${file} has ${user}, which Vault did not issue` };
			else if (issue.password !== password)
				yield { rule: 'mixed-lease', at, what: `${file} has ${user} with the password of another one` };
			else if (!url.includes(`${user}:${encodeURIComponent(password)}@`))
				yield { rule: 'mixed-lease', at, what: `${file} has ${user}, and a URL of another one` };
		}
}

/** Vault's audit log and PostgreSQL's log have the same users. */
function* unknown({ issues, created }: LeaseHistory): Generator<LeaseViolation> {
	for (const { user, at } of created)
		if (!issues.some((issue) => issue.user === user))
			yield { rule: 'unknown-role', at, what: `PostgreSQL has ${user}, which Vault did not issue` };
	for (const { user, at } of issues)
		if (!created.some((role) => role.user === user))
			yield { rule: 'unknown-role', at, what: `Vault issued ${user}, which PostgreSQL does not have` };
}

/** The files never go back to an earlier user. */
function* ordered({ samples, issues }: LeaseHistory): Generator<LeaseViolation> {
	let last = -1;
	for (const sample of samples) {
		const index = issues.findIndex(({ user }) => user === userOf(sample));
		if (index >= 0 && index < last)
			yield { rule: 'went-back', at: sample.to, what: `the files have ${userOf(sample)} again` };
		last = Math.max(last, index);
	}
}

/** What the files hold can be used. */
function* filesAfterEnd(history: LeaseHistory): Generator<LeaseViolation> {
	const { samples } = history;
	for (const [i, sample] of samples.entries()) {
		const user = userOf(sample) ?? '';
		const until = samples[i + 1]?.from ?? sample.to;
		const end = endOf(history, user);
		if (until > end)
			yield { rule: 'file-after-end', at: end, what: `the files had ${user} for ${until - end} ms after it` };
	}
}

/** No session begins after the end of its user, and none outlives it. */
function* sessionsAfterEnd(history: LeaseHistory): Generator<LeaseViolation> {
	for (const { user, from, to } of history.sessions) {
		const end = endOf(history, user);
		if (from > end) yield { rule: 'session-after-end', at: from, what: `a session of ${user} began` };
		else if (end !== Number.POSITIVE_INFINITY && (to ?? Number.POSITIVE_INFINITY) > end)
			yield { rule: 'session-after-end', at: end, what: `a session of ${user} was open` };
	}
}

/** PostgreSQL refused nobody. */
function* refused({ refusals }: LeaseHistory): Generator<LeaseViolation> {
	for (const { user, at, message } of refusals)
		yield { rule: 'refused-connection', at, what: `${user}: ${message}` };
}

/** A user that was issued comes into the files, or is ended: its answer was lost. */
function* lost(history: LeaseHistory): Generator<LeaseViolation> {
	const { samples, created, bound } = history;
	const last = samples.at(-1)?.to ?? 0;
	for (const { user, at } of created) {
		const due = at + bound;
		const shown = samples.some((sample) => userOf(sample) === user && sample.from <= due);
		if (due <= last && !shown && endOf(history, user) > due)
			yield { rule: 'lost-lease', at, what: `${user} is neither in the files nor gone` };
	}
}

/** At most two users within a minute. */
function* tooMany({ created }: LeaseHistory): Generator<LeaseViolation> {
	for (const [i, { at, user }] of created.entries()) {
		const before = created[i - MOST];
		if (before !== undefined && at - before.at < MINUTE)
			yield { rule: 'too-many-roles', at, what: `${user} is the third within ${at - before.at} ms` };
	}
}
