import type { Head, Version, WrittenVersion } from './head.ts';

/**
 * The stamp of a secret that begins with this version: number and creation time. Of secrets at one path, one
 * after another, each has a stamp of its own, because version numbers go on.
 */
export function stampOfVersion({ number, createdAt }: WrittenVersion): string {
	return `v${number}-${createdAt.getTime().toString(36)}`;
}

const STAMP = /^v([0-9]+)-[0-9a-z]+$/;

/** True for a stamp of earlier releases: random text, which does not say the version. */
export function isOldStamp(stamp: string | undefined): stamp is string {
	return stamp !== undefined && !STAMP.test(stamp);
}

/** A secret's stamp, and whether its metadata are its own. */
export interface Identity {
	readonly stamp: string;
	/** The number of its first version. Earlier ones belong to a predecessor. */
	readonly first: number;
	/**
	 * False from the moment when a secret is written over a deleted one until its metadata are written. What the
	 * store has is then metadata of the deleted one.
	 */
	readonly described: boolean;
}

/**
 * The identity of the secret at a path. Its metadata have the stamp. They are written after the first
 * version, so they may still have the stamp of a deleted predecessor: then the versions tell.
 */
export function identityOf(head: Head): Identity {
	const stored = head.metadata['stamp'];
	const start = startOf(head.versions);
	const described = Number(STAMP.exec(stored ?? '')?.[1] ?? 0);
	if (start !== undefined && !isOldStamp(stored) && described < start.number)
		return { stamp: stampOfVersion(start), first: start.number, described: false };
	// A secret that the API did not write has no stamp: its creation time is the stamp.
	const stamp = stored ?? `t${head.createdAt.getTime().toString(36)}`;
	return { stamp, first: described || (start?.number ?? 1), described: true };
}

/** The last version that was written over a deleted one; undefined if there is none. */
export function startOf(versions: readonly Version[]): Version | undefined {
	// A version that was deleted after its successor was written is no end: an update was faster.
	return versions.findLast(({ afterDeletion }) => afterDeletion);
}

/** The same head, without metadata of a predecessor. Its stamp is the secret's own. */
export function withOwnMetadata(head: Head): Head {
	const { described, stamp } = identityOf(head);
	return described ? head : { ...head, metadata: { stamp } };
}
