import { INJECTED } from '../../contract/names.ts';

/**
 * The name of the volume for part `i` (from 0) of what one fetcher writes. `first` is the name of the first
 * volume.
 */
export function volumeName(first: string, i: number): string {
	return i === 0 ? first : `${first}-part-${i + 1}`;
}

/** Where the fetcher sees that volume. */
export function outDirectory(i: number): string {
	return i === 0 ? INJECTED.outDir : `${INJECTED.outDir}-${i + 1}`;
}

/** The names of fetchers and their sidecars, and of volumes that injection adds. */
export const FETCHER_NAME = new RegExp(`^(?:${INJECTED.container}|${INJECTED.sidecar})(?:-[0-9]+)?$`);
export const VOLUME_NAME = new RegExp(
	`^(?:${INJECTED.volume}(?:-[0-9]+)?(?:-part-[0-9]+)?|${INJECTED.privateVolume}(?:-[0-9]+)?|${INJECTED.tokenVolume})$`,
);

/** Whether an init container of this name is a fetcher or its sidecar, if the pod was injected. */
export function isFetcherName(name: string): boolean {
	return FETCHER_NAME.test(name);
}

/** Whether a volume of this name is one that injection adds, if the pod was injected. */
export function isAddedVolume(name: string): boolean {
	return VOLUME_NAME.test(name);
}
