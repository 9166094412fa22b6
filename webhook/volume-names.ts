import { INJECTED } from '../contract/names.ts';

/** The name of the volume for the `i`th part (from 0) of what one fetcher writes; `first` is that of the first. */
export function volumeName(first: string, i: number): string {
	return i === 0 ? first : `${first}-part-${i + 1}`;
}

/** Where the fetcher sees that volume. */
export function outDirectory(i: number): string {
	return i === 0 ? INJECTED.outDir : `${INJECTED.outDir}-${i + 1}`;
}
