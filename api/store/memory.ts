import { type Fields, type Head, type Store, StoreFailure, type Version } from './store.ts';

interface StoredVersion extends Version {
	readonly fields: Fields;
}

/** Where the shipped policy lets the API read values. */
const READABLE = /^(?:templates|registry\/access|registry\/sessions)\//;

interface StoredEntry {
	/** By number: version 1 is the first one. */
	readonly versions: StoredVersion[];
	readonly createdAt: Date;
	readonly metadata: Map<string, string>;
}

/** The number of versions that KV v2 keeps by default. */
const VERSIONS_KEPT = 10;

/**
 * A store in memory, for development and tests. It behaves like Vault's KV v2 in everything that the API
 * uses.
 */
export function createMemoryStore(now: () => Date = () => new Date()): Store {
	const entries = new Map<string, StoredEntry>();
	let lastWrite = 0;
	/** Later than every earlier write, as with Vault: the times of versions are part of ids. */
	const writeTime = (): Date => {
		lastWrite = Math.max(now().getTime(), lastWrite + 1);
		return new Date(lastWrite);
	};
	const write = (path: string, fields: Fields, expected: number): StoredVersion | 'conflict' => {
		const entry = entries.get(path);
		if ((entry?.versions.length ?? 0) !== expected) return 'conflict';
		const createdAt = writeTime();
		const previous = entry?.versions.at(-1);
		const version = {
			number: expected + 1,
			createdAt,
			deletedAt: undefined,
			destroyed: false,
			afterDeletion: previous?.deletedAt !== undefined,
			fields: { ...fields },
		};
		if (entry === undefined) entries.set(path, { versions: [version], createdAt, metadata: new Map() });
		else entry.versions.push(version);
		return version;
	};
	const change = (
		path: string,
		numbers: readonly number[],
		to: (version: StoredVersion) => Partial<StoredVersion>,
	): void => {
		const versions = entries.get(path)?.versions ?? [];
		for (const number of numbers) {
			const version = versions[number - 1];
			if (version !== undefined && !version.destroyed) versions[number - 1] = { ...version, ...to(version) };
		}
	};
	return {
		kind: 'memory',
		put: (path, fields, expected) =>
			answer(() => (write(path, fields, expected) === 'conflict' ? 'conflict' : 'written')),
		putVersion: (path, fields, expected) => answer(() => write(path, fields, expected)),
		update: (path, fields, expected) =>
			answer(() => {
				const current = entries.get(path)?.versions.at(-1);
				if (current === undefined || !isLive(current)) return 'absent';
				const written = write(path, { ...current.fields, ...fields }, expected);
				return written === 'conflict' ? 'conflict' : 'written';
			}),
		deleteVersion: (path, version) =>
			answer(() => change(path, [version], (current) => (isLive(current) ? { deletedAt: writeTime() } : {}))),
		undeleteVersion: (path, version) =>
			answer(() => change(path, [version], () => ({ deletedAt: undefined }))),
		destroyVersions: (path, versions) =>
			answer(() => change(path, versions, () => ({ destroyed: true, fields: {} }))),
		describe: (path, patch) => answer(() => describe(entries.get(path), patch)),
		head: (path) => answer(() => headOf(entries.get(path))),
		list: (folder) => answer(() => namesIn(entries.keys(), `${folder}/`)),
		listHeads: (folder) => answer(() => new Map(headsIn(entries, folder))),
		listHeadsPage: (folder, after, limit) =>
			answer(() => {
				const all = headsIn(entries, folder);
				const rest = after === undefined ? all : all.filter(([name]) => name > after);
				const page = rest.slice(0, limit);
				return { heads: new Map(page), next: rest.length > limit ? page.at(-1)?.[0] : undefined };
			}),
		remove: (path) => answer(() => void entries.delete(path)),
		read: (path) =>
			answer(() => {
				const current = entries.get(path)?.versions.at(-1);
				if (READABLE.test(path)) return current !== undefined && isLive(current) ? current.fields : undefined;
				throw new StoreFailure('refused', `the API may read no values at ${path}`);
			}),
		check: () => Promise.resolve(),
		missingRights: () => Promise.resolve([]),
	};
}

/** Runs `work` synchronously, so that nothing runs in between. Returns its outcome as a promise. */
function answer<T>(work: () => T): Promise<T> {
	return new Promise((resolve) => resolve(work()));
}

function describe(entry: StoredEntry | undefined, patch: Readonly<Record<string, string | null>>): boolean {
	if (entry === undefined) return false;
	for (const [name, text] of Object.entries(patch))
		if (text === null) entry.metadata.delete(name);
		else entry.metadata.set(name, checked(name, text));
	return true;
}

/** Checks Vault's own limits for custom_metadata, so that what works here also works in Vault. */
function checked(name: string, text: string): string {
	const bytes = Buffer.byteLength(text);
	if (bytes === 0 || bytes > 512 || Buffer.byteLength(name) > 128)
		throw new StoreFailure('bad-answer', `the metadata "${name}" is empty or too long for a store`);
	return text;
}

function isLive({ destroyed, deletedAt }: Version): boolean {
	return !destroyed && deletedAt === undefined;
}

function headOf(entry: StoredEntry | undefined): Head | undefined {
	const current = entry?.versions.at(-1);
	if (entry === undefined || current === undefined) return undefined;
	return {
		version: current.number,
		live: isLive(current),
		writtenAt: current.createdAt,
		createdAt: entry.createdAt,
		metadata: Object.fromEntries(entry.metadata),
		versions: versionsOf(entry.versions),
	};
}

function versionsOf(versions: readonly StoredVersion[]): readonly Version[] {
	const kept = versions.slice(-VERSIONS_KEPT).map(({ fields: _, ...version }) => version);
	return kept.map((version, index) => {
		const previous = kept[index - 1];
		return { ...version, afterDeletion: version.afterDeletion && previous?.deletedAt !== undefined };
	});
}

/** The secrets in a folder, sorted by name. */
function headsIn(
	entries: ReadonlyMap<string, StoredEntry>,
	folder: string,
): readonly (readonly [string, Head])[] {
	return namesIn(entries.keys(), `${folder}/`).flatMap((name) => {
		const head = name.endsWith('/') ? undefined : headOf(entries.get(`${folder}/${name}`));
		return head === undefined ? [] : [[name, head] as const];
	});
}

function namesIn(paths: Iterable<string>, prefix: string): readonly string[] {
	const names = new Set<string>();
	for (const path of paths) {
		if (!path.startsWith(prefix)) continue;
		const rest = path.slice(prefix.length);
		const end = rest.indexOf('/');
		names.add(end < 0 ? rest : rest.slice(0, end + 1));
	}
	return [...names].sort();
}
