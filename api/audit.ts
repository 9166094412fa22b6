/** One operation, done or refused, as one JSON line. Never a value, never a credential. */
export interface AuditLine {
	/** RFC 3339. */
	readonly time: string;
	/** The subject; "anonymous" when nobody was identified. */
	readonly actor: string;
	/** How the actor signed in. */
	readonly via: 'api-key' | 'session' | 'kubernetes' | 'none';
	/** The operation's id in the OpenAPI document; "unknown" for calls that mean none. */
	readonly action: string;
	/** The place, as its path in the KV mount; empty when the call did not get that far. */
	readonly scope: string;
	readonly key: string;
	readonly result: 'done' | 'refused' | 'failed' | 'aborted';
	/** The HTTP status. */
	readonly status: number;
	readonly requestId: string;
	readonly ip: string;
}

/** Where audit lines go. */
export type AuditSink = (line: AuditLine) => void;

/** Writes audit lines as JSON, one a line, marked so that they can be told from the log on the same stream. */
export function jsonLines(write: (text: string) => void): AuditSink {
	return (line) => write(`${JSON.stringify({ type: 'audit', ...line })}\n`);
}

/** What a status means for the audit. */
export function resultOf(status: number, finished: boolean): AuditLine['result'] {
	if (!finished) return 'aborted';
	if (status < 400) return 'done';
	return status < 500 ? 'refused' : 'failed';
}
