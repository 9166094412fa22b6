import type { Result } from '../../contract/result.ts';

/** What is rendered: keys, sorted in byte order, with values that are well-formed Unicode. */
export interface RenderEntry {
	readonly key: string;
	readonly value: string;
}

/** A key that a format can't hold. */
export interface Misfit {
	readonly key: string;
	/** Finishes the sentence "KEY …". */
	readonly why: string;
}

/** A format's text, or every key that it can't hold. Pure; the text is written as UTF-8. */
export type Render<T = string> = (entries: readonly RenderEntry[]) => Result<T, readonly Misfit[]>;
