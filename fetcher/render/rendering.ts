import type { Result } from '../../contract/result.ts';

/** A key with its value. Entries are sorted by key in byte order; values are well-formed Unicode. */
export interface RenderEntry {
	readonly key: string;
	readonly value: string;
}

/** A key that a format cannot hold. */
export interface Misfit {
	readonly key: string;
	/** Completes the sentence "KEY …". */
	readonly why: string;
}

/**
 * Renders entries in a format. The error lists every key that it cannot hold. The text is written as UTF-8.
 */
export type Render<T = string> = (entries: readonly RenderEntry[]) => Result<T, readonly Misfit[]>;
