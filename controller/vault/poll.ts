import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Tier } from '../../contract/tiers.ts';
import type { LiveKeys } from './folder.ts';
import { sameKeys } from './folder.ts';
import type { MetadataReader } from './metadata.ts';

/** What is known of the folders of all workloads. */
export interface Folders {
	/** The live keys; undefined until the folder was read. */
	get(folder: string): LiveKeys | undefined;
	/**
	 * Reads folders, and forgets all others. A folder that cannot be read keeps what was known of it.
	 *
	 * @returns the folders that have changed, or were read for the first time
	 */
	refresh(folders: ReadonlySet<string>): Promise<ReadonlySet<string>>;
	/** Reads folders that are not known yet, or all of the given ones. */
	load(folders: Iterable<string>, again: boolean): Promise<void>;
	/**
	 * Seconds since the last successful read, by tier, of the folder that was read least recently; 0 without
	 * folders.
	 */
	ages(): Record<Tier, number>;
}

/** Folders that are read at the same time. */
const PARALLEL = 4;

/** Opens the folders. `polled` is called for each read with its result. */
export function openFolders(
	reader: MetadataReader,
	log: Logger,
	polled: (result: 'ok' | 'failed') => void,
): Folders {
	const known = new Map<string, { readonly keys: LiveKeys; readonly at: number }>();
	/** When a folder was asked for first, by `performance.now()`. */
	const wanted = new Map<string, number>();
	const problems = new Map<string, string>();
	const limit = pLimit(PARALLEL);

	/** Whether the folder has changed. */
	const readOne = async (folder: string): Promise<boolean> => {
		if (!wanted.has(folder)) wanted.set(folder, performance.now());
		const found = await reader.read(folder);
		polled(found.ok ? 'ok' : 'failed');
		if (!found.ok) {
			if (problems.get(folder) !== found.error)
				log.warn(
					{ folder, problem: found.error },
					'the versions of secrets cannot be read; nothing is rolled',
				);
			problems.set(folder, found.error);
			return false;
		}
		if (problems.delete(folder)) log.info({ folder }, 'the versions of secrets can be read again');
		const changed = !sameKeys(known.get(folder)?.keys, found.value);
		known.set(folder, { keys: found.value, at: performance.now() });
		return changed;
	};
	return {
		get: (folder) => known.get(folder)?.keys,
		refresh: async (folders) => {
			for (const map of [known, wanted, problems])
				for (const folder of map.keys()) if (!folders.has(folder)) map.delete(folder);
			const changed = new Set<string>();
			await Promise.all(
				[...folders].map((folder) =>
					limit(async () => {
						if (await readOne(folder)) changed.add(folder);
					}),
				),
			);
			return changed;
		},
		load: async (folders, again) => {
			const missing = [...new Set(folders)].filter((folder) => again || !known.has(folder));
			await Promise.all(missing.map((folder) => limit(() => readOne(folder))));
		},
		ages: () => {
			const now = performance.now();
			const oldest = { org: 0, deployment: 0, service: 0 };
			for (const [folder, since] of wanted) {
				const tier = tierOf(folder);
				oldest[tier] = Math.max(oldest[tier], (now - (known.get(folder)?.at ?? since)) / 1000);
			}
			return oldest;
		},
	};
}

/** The tier of a folder (`tierPath`). */
function tierOf(folder: string): Tier {
	if (folder.startsWith('orgs/')) return 'org';
	return folder.includes('/services/') ? 'service' : 'deployment';
}
