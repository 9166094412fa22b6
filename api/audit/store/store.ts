import type { StampedLine } from '../../../lib/audit/lines.ts';

/** A line as the store returns it. */
export type AuditEntry = StampedLine & {
	/** The subject who loaded the line from a log; absent if the replica itself stored it. */
	readonly loadedBy?: string;
};

/** The place of an entry in the order: time (in ms since 1970), replica, sequence. */
export interface AuditPosition {
	readonly time: number;
	readonly replica: string;
	readonly sequence: number;
}

/** Which entries to return. Each filter narrows the others. */
export interface AuditQuery {
	/** Not before this time. */
	readonly since: Date;
	/** Before this time. */
	readonly until: Date;
	readonly deployment?: string | undefined;
	readonly org?: string | undefined;
	readonly actor?: string | undefined;
	readonly action?: string | undefined;
	/** The key of a secret; not empty. */
	readonly key?: string | undefined;
	/** Which entries come first. By default the oldest. */
	readonly order?: 'oldest' | 'newest' | undefined;
	/** Entries that come after this one in that order. */
	readonly after?: AuditPosition | undefined;
	/** The maximum number of entries. */
	readonly limit: number;
}

/** Which versions of a secret: their numbers, both ends included. */
export interface WrittenQuery {
	readonly scope: string;
	readonly key: string;
	readonly from: number;
	readonly to: number;
}

/** Who wrote a version; `time` is that of the result line, in ms since 1970. */
export interface WrittenEntry {
	readonly version: number;
	readonly actor: string;
	readonly time: number;
}

/** One page of entries, in the order time, replica, sequence, or in the reverse of it. */
export interface AuditPage {
	readonly entries: readonly AuditEntry[];
	/** The position for the next page; undefined on the last one. */
	readonly next: AuditPosition | undefined;
}

/**
 * Keeps audit lines for queries. It never changes an entry: run-time rights are to insert and to select. All
 * methods reject while the database does not answer.
 */
export interface AuditStore {
	/**
	 * Stores lines in one transaction. A line whose replica and sequence are present stays as it is.
	 *
	 * @param loadedBy the subject who loads the lines from a log
	 * @returns the number of new lines
	 */
	insert(lines: readonly StampedLine[], loadedBy?: string): Promise<number>;
	page(query: AuditQuery): Promise<AuditPage>;
	/** Who wrote versions of a secret; the newest entries, if there are very many. */
	written(query: WrittenQuery): Promise<readonly WrittenEntry[]>;
	/** Rejects if the database does not answer or has no tables. */
	check(): Promise<void>;
	close(): Promise<void>;
}

/** What only the owner of the tables may do. */
export interface AuditMaintenance {
	/** Creates or updates the tables, and grants a role the rights of the run time. */
	migrate(grantTo: string | undefined): Promise<void>;
	/** Deletes entries older than `before`, and e-mail addresses without entries. Returns their number. */
	purge(before: Date): Promise<number>;
	/** Deletes the e-mail addresses of an actor. The entries stay. Returns the number of addresses. */
	eraseEmails(actor: string): Promise<number>;
	close(): Promise<void>;
}

/** A failure of the database that the same line would cause again: its data, not the connection. */
export class AuditDataError extends Error {
	override readonly name = 'AuditDataError';
}

/** A query that the store could not answer. The message names no data. */
export class AuditStoreFailure extends Error {
	override readonly name = 'AuditStoreFailure';
}
