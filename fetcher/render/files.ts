import { ok } from '../../contract/result.ts';
import type { Render } from './rendering.ts';

/** One file for each key, with the value as its only content. */
export const renderFiles: Render<ReadonlyMap<string, string>> = (entries) =>
	ok(new Map(entries.map(({ key, value }) => [key, value])));
