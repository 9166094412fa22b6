import { ok } from '../../contract/result.ts';
import type { Render } from './rendering.ts';

/** One file a key, which holds the value and nothing else. */
export const renderFiles: Render<ReadonlyMap<string, string>> = (entries) =>
	ok(new Map(entries.map(({ key, value }) => [key, value])));
