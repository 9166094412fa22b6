import { z } from 'zod';
import type { Head, Version } from './store.ts';

const VERSION = z.object({ created_time: z.string(), deletion_time: z.string(), destroyed: z.boolean() });
const DATA = z.object({
	created_time: z.string(),
	current_version: z.number(),
	custom_metadata: z.record(z.string(), z.string()).nullish(),
	versions: z.record(z.string(), VERSION).nullish(),
});

/** Vault's response to a read of metadata. */
export const METADATA = z.object({ data: z.unknown() });

/** Vault's response to a write of a version. */
export const WRITTEN = z.object({ data: z.object({ version: z.number(), created_time: z.string() }) });

/** Vault's response to a list. */
export const KEYS = z.object({ data: z.object({ keys: z.array(z.string()) }) });

/**
 * OpenBao's response to a list of `detailed-metadata/`. `key_info` has the metadata of each name. It is
 * decoded name by name, because a record of zod loses a name such as `__proto__`.
 */
export const DETAILED_KEYS = z.object({
	data: z.object({
		keys: z.array(z.string()),
		key_info: z.custom<object>((value) => typeof value === 'object' && value !== null),
	}),
});

function versionsOf(versions: Readonly<Record<string, z.infer<typeof VERSION>>>): readonly Version[] {
	return Object.entries(versions)
		.map(([number, { created_time, deletion_time, destroyed }]) => ({
			number: Number(number),
			createdAt: new Date(created_time),
			deletedAt: deletion_time === '' ? undefined : new Date(deletion_time),
			destroyed,
			afterDeletion: isBefore(versions[String(Number(number) - 1)]?.deletion_time, created_time),
		}))
		.sort((a, b) => a.number - b.number);
}

/** Compares times in RFC 3339 to the nanosecond, as Vault writes them. False if there is no first time. */
function isBefore(first: string | undefined, second: string): boolean {
	if (first === undefined || first === '') return false;
	const [a, b] = [new Date(first).getTime(), new Date(second).getTime()];
	return a === b ? nanosecondsOf(first) < nanosecondsOf(second) : a < b;
}

/** The part of a second, in nanoseconds. */
function nanosecondsOf(time: string): number {
	return Number((/\.([0-9]+)/.exec(time)?.[1] ?? '').padEnd(9, '0').slice(0, 9));
}

/** Decodes the metadata of one secret; undefined if it is not in Vault's format. */
export function decodeHead(metadata: unknown): Head | undefined {
	const parsed = DATA.safeParse(metadata);
	if (!parsed.success) return undefined;
	const { current_version: version, versions, custom_metadata: custom, created_time: created } = parsed.data;
	const current = versions?.[String(version)];
	// The deletion time may be in the future (`delete_version_after`): until then the version lives.
	const deleted = current?.deletion_time ? new Date(current.deletion_time) <= new Date() : false;
	return {
		version,
		versions: versionsOf(versions ?? {}),
		live: current !== undefined && !current.destroyed && !deleted,
		writtenAt: new Date(current?.created_time ?? 0),
		createdAt: new Date(created),
		metadata: custom ?? {},
	};
}
