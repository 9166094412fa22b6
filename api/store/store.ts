/** What is known of a secret besides its value. */
export interface Head {
	/** Number of the current version; the first one is 1. 0: nothing was ever written, only described. */
	readonly version: number;
	/** False when the current version was deleted or destroyed: the secret then counts as absent. */
	readonly live: boolean;
	/** When the current version was written; the epoch when there is none. */
	readonly writtenAt: Date;
	/** When the entry was created. New versions and deletions of versions do not change it; `remove` does. */
	readonly createdAt: Date;
	readonly metadata: Readonly<Record<string, string>>;
}

/** The fields of a secret. Pods read the field `value`. */
export type Fields = Readonly<Record<string, string>>;

/**
 * The storage of secrets: the few operations that the API needs. Paths are inside the KV mount, without
 * leading and trailing slashes, made of checked names only. Every operation rejects with a `StoreFailure`
 * when the store failed.
 */
export interface Store {
	/** For logs and the readiness answer. */
	readonly kind: 'vault' | 'memory';
	/**
	 * Writes a version if the current one is number `expected` (0: none yet). Of several writers that expect the
	 * same version exactly one succeeds.
	 */
	put(path: string, fields: Fields, expected: number): Promise<'written' | 'conflict'>;
	/** Changes metadata: a text sets, null removes, other fields stay. False when there is no such secret. */
	describe(path: string, patch: Readonly<Record<string, string | null>>): Promise<boolean>;
	/** Undefined when nothing was ever written there, or all of it was removed. */
	head(path: string): Promise<Head | undefined>;
	/** The names in a folder, those of folders with a "/" at their end; none when there is no such folder. */
	list(folder: string): Promise<readonly string[]>;
	/**
	 * The secrets in a folder with their heads, without its folders; undefined if the store cannot return
	 * them in a few requests. `list` and `head` can in any case.
	 */
	listHeads(folder: string): Promise<ReadonlyMap<string, Head> | undefined>;
	/** Removes a secret with every version and its metadata. That it isn't there is no error. */
	remove(path: string): Promise<void>;
	/** The fields of the current version. Only below `templates/`: the API may read no other values. */
	read(path: string): Promise<Fields | undefined>;
	/** Resolves when the store can take calls. */
	check(): Promise<void>;
}

/** Why a store could not do what it was asked. */
export type StoreFailureCode = 'unreachable' | 'unavailable' | 'refused' | 'bad-answer';

/**
 * The store failed. The message says what, where and what to do, for the log. It holds no value and no token.
 */
export class StoreFailure extends Error {
	readonly code: StoreFailureCode;

	constructor(code: StoreFailureCode, message: string) {
		super(message);
		this.name = 'StoreFailure';
		this.code = code;
	}
}
