import { type Fields, type Head, type Store, StoreFailure } from './store.ts';

interface StoredEntry {
	version: number;
	fields: Fields;
	writtenAt: Date;
	createdAt: Date;
	metadata: Map<string, string>;
}

/**
 * A store in memory, for development and tests. It behaves like Vault's KV v2 in everything that the API
 * uses.
 */
export function createMemoryStore(now: () => Date = () => new Date()): Store {
	const entries = new Map<string, StoredEntry>();
	return {
		kind: 'memory',
		put: (path, fields, expected) =>
			answer(() => {
				const entry = entries.get(path);
				if ((entry?.version ?? 0) !== expected) return 'conflict';
				const writtenAt = now();
				entries.set(path, {
					version: expected + 1,
					fields: { ...fields },
					writtenAt,
					createdAt: entry?.createdAt ?? writtenAt,
					metadata: entry?.metadata ?? new Map<string, string>(),
				});
				return 'written';
			}),
		describe: (path, patch) => answer(() => describe(entries.get(path), patch)),
		head: (path) => answer(() => headOf(entries.get(path))),
		list: (folder) => answer(() => namesIn(entries.keys(), `${folder}/`)),
		listHeads: (folder) =>
			answer(() => {
				const names = namesIn(entries.keys(), `${folder}/`).filter((name) => !name.endsWith('/'));
				return new Map(
					names.flatMap((name) => {
						const head = headOf(entries.get(`${folder}/${name}`));
						return head === undefined ? [] : [[name, head] as const];
					}),
				);
			}),
		remove: (path) => answer(() => void entries.delete(path)),
		read: (path) =>
			answer(() => {
				if (path.startsWith('templates/')) return entries.get(path)?.fields;
				throw new StoreFailure('refused', `values are read below templates/ only, not at ${path}`);
			}),
		check: () => Promise.resolve(),
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

function headOf(entry: StoredEntry | undefined): Head | undefined {
	if (entry === undefined) return undefined;
	const { version, writtenAt, createdAt, metadata } = entry;
	return { version, live: true, writtenAt, createdAt, metadata: Object.fromEntries(metadata) };
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
