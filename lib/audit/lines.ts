/** Fields of every audit line. No field holds a value or a credential. */
interface AuditFields {
	/** The time at which the line was written, in RFC 3339. */
	readonly time: string;
	/** The subject; "anonymous" without authentication; "envtier-api" for what the API does by itself. */
	readonly actor: string;
	/** How the actor signed in; "system" for what the API does by itself. */
	readonly via: 'api-key' | 'session' | 'kubernetes' | 'none' | 'system';
	/**
	 * The operation's id in the OpenAPI document, "deployments.undo" or "deployments.adopt"; "unknown" for other
	 * calls.
	 */
	readonly action: string;
	/** Joins the intent line and the result line of one event: one action on one key. */
	readonly eventId: string;
	/** The location, as its path in the KV mount; empty when the call did not get that far. */
	readonly scope: string;
	readonly key: string;
	readonly requestId: string;
	readonly ip: string;
	/** The actor's organization; absent if there is none. */
	readonly org?: string;
	/** The actor's e-mail address, as the session's issuer states it. */
	readonly email?: string;
	/** The type of the secret. */
	readonly secretType?: string;
	/** The id of the elevation under which the actor acts. */
	readonly elevation?: string;
	/** Why the actor does it, in the actor's words. */
	readonly reason?: string;
}

/**
 * Written before an allowed call changes or shows anything. Without a result line, its outcome is unknown.
 */
export interface AuditIntent extends AuditFields {
	readonly phase: 'intent';
}

/** Written when a call, or its work on one key, has ended. A refused call has this line alone. */
export interface AuditResult extends AuditFields {
	readonly phase: 'result';
	readonly result: 'done' | 'refused' | 'failed' | 'aborted';
	/** The HTTP status; for one key of a call, the status that a call about this key alone would have. */
	readonly status: number;
	/** The version of the key that was written; absent if none was. */
	readonly version?: number;
}

export type AuditLine = AuditIntent | AuditResult;

/** A line with its place in the order of all lines: time, replica, sequence. */
export type StampedLine = AuditLine & {
	/** The process that wrote the line: the name of its host, and random characters for each start. */
	readonly replica: string;
	/** Counts the lines of the replica, from 1. */
	readonly sequence: number;
};

/** The actor and the request. */
export type AuditFacts = Pick<AuditFields, 'actor' | 'via' | 'requestId' | 'ip' | 'org' | 'email'>;

/** The location and the key that an audit line names; never a value. */
export interface AuditNote {
	/** The location, as its path in the KV mount. */
	readonly scope: string;
	readonly key?: string;
	readonly secretType?: string;
	readonly elevation?: string;
	readonly reason?: string;
}

/** Destination of audit lines. Returns after the line is written. */
export type AuditSink = (line: AuditLine) => void;

/** Writes audit lines as JSON, one per line. A mark distinguishes them from log lines on the same stream. */
export function jsonLines(write: (text: string) => void): (line: StampedLine) => void {
	return (line) => write(`${JSON.stringify({ type: 'audit', ...line })}\n`);
}

/** The result that the audit records for an HTTP status. */
export function resultOf(status: number, finished: boolean): AuditResult['result'] {
	if (!finished) return 'aborted';
	if (status < 400) return 'done';
	return status < 500 ? 'refused' : 'failed';
}
