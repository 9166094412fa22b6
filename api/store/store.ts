import type { Head, Version, WrittenVersion } from '../../lib/kv/head.ts';
import { RequestFailure, type RequestFailureCode } from '../../lib/vault/request-failure.ts';

export type { Head, Version, WrittenVersion };

/** A part of a folder, sorted by name. */
export interface HeadsPage {
	readonly heads: ReadonlyMap<string, Head>;
	/** The name that the next page starts after; undefined on the last page. */
	readonly next: string | undefined;
}

/** The fields of a secret. Pods read the field `value`. */
export type Fields = Readonly<Record<string, string>>;

/**
 * The storage of secrets: the few operations that the API needs. Paths are inside the KV mount, without
 * leading and trailing slashes, made of checked names only. Every operation rejects with a `RequestFailure`
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
	/** As `put`; returns the written version. */
	putVersion(path: string, fields: Fields, expected: number): Promise<WrittenVersion | 'conflict'>;
	/**
	 * Writes a version over the live version number `expected`. Fields that are not named stay. Unlike `put` it
	 * never restores a deleted secret: "absent" when there is no live version.
	 */
	update(path: string, fields: Fields, expected: number): Promise<'written' | 'conflict' | 'absent'>;
	/** Deletes one version so that `undelete` can restore it. A missing version is not an error. */
	deleteVersion(path: string, version: number): Promise<void>;
	/** Restores a deleted version. A missing or destroyed version is not an error, and stays so. */
	undeleteVersion(path: string, version: number): Promise<void>;
	/** Removes the values of versions for good. Metadata and version numbers stay. */
	destroyVersions(path: string, versions: readonly number[]): Promise<void>;
	/** Changes metadata: a text sets, null removes, other fields stay. False when there is no such secret. */
	describe(path: string, patch: Readonly<Record<string, string | null>>): Promise<boolean>;
	/** Undefined when nothing was ever written there, or everything was removed. */
	head(path: string): Promise<Head | undefined>;
	/** The names in a folder; names of folders end with "/". Empty when there is no such folder. */
	list(folder: string): Promise<readonly string[]>;
	/**
	 * The secrets in a folder with their heads, without its folders. Undefined if the store cannot return them
	 * in a few requests; then use `list` and `head`.
	 */
	listHeads(folder: string): Promise<ReadonlyMap<string, Head> | undefined>;
	/**
	 * One page of `listHeads`: at most `limit` names after the name `after`. A page may hold fewer secrets than
	 * `limit` although there is a next one. Undefined in the same cases as `listHeads`.
	 */
	listHeadsPage(folder: string, after: string | undefined, limit: number): Promise<HeadsPage | undefined>;
	/** Removes a secret with every version and its metadata. A missing secret is not an error. */
	remove(path: string): Promise<void>;
	/**
	 * The fields of the current version. Only below `templates/`, `registry/access/` and `registry/sessions/`:
	 * the API may read no other values.
	 */
	read(path: string): Promise<Fields | undefined>;
	/** Resolves when the store can take calls. */
	check(): Promise<void>;
	/**
	 * The lines that the program's policy lacks, as HCL. Empty when it has all of them; undefined when the store
	 * does not say.
	 */
	missingRights(): Promise<readonly string[] | undefined>;
}

/**
 * A failure of the store. The message is for the log: what failed, where, and what to do. It holds no value
 * and no token. A store on Vault also rejects with other `RequestFailure`s.
 */
export class StoreFailure extends RequestFailure {
	override readonly name = 'StoreFailure';
	/** A sentence for the caller, when there is more to say than that the store failed. */
	readonly toCaller: string | undefined;

	constructor(code: RequestFailureCode, message: string, toCaller?: string) {
		super(code, message);
		this.toCaller = toCaller;
	}
}
