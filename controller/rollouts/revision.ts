import type { Winner } from '../../contract/revision.ts';
import { combinedRevision, revisionOf } from '../../lib/kv/revision.ts';
import type { LiveKeys } from '../vault/folder.ts';
import type { FetcherInputs, PodInputs } from '../workloads/pod-inputs.ts';

/** The keys that a fetcher would read now, each from its highest tier. */
function winnersOf(
	{ tiers, reads }: FetcherInputs,
	folders: (folder: string) => LiveKeys | undefined,
): readonly Winner[] | undefined {
	const winners = new Map<string, Winner>();
	for (const { tier, folder } of tiers) {
		const keys = folders(folder);
		if (keys === undefined) return undefined;
		for (const [key, version] of keys) if (reads(key)) winners.set(key, { tier, key, version });
	}
	return [...winners.values()];
}

/** The revision that new pods would read now. Undefined while a folder is not known. */
export function currentRevision(
	{ fetchers }: PodInputs,
	folders: (folder: string) => LiveKeys | undefined,
): string | undefined {
	const winners = fetchers.map((fetcher) => winnersOf(fetcher, folders));
	if (winners.some((one) => one === undefined)) return undefined;
	return combinedRevision(winners.map((one) => revisionOf(one ?? [])));
}
