import { referencesOf, type Template } from './compose.ts';
import type { Format } from './formats.ts';
import { type Selection, takes } from './selection.ts';

/** What a pod asks for. */
export interface KeyNeeds {
	/** Keys that must exist. */
	readonly require: readonly string[];
	/** Keys for native variables. */
	readonly envKeys: readonly string[];
	/** Templates by the key of the composed value. */
	readonly templates: ReadonlyMap<string, Template>;
	/** The formats of the files. Without one, a pod reads only the keys that it names. */
	readonly formats: readonly Format[];
	/** The directories with files; a selection that is undefined takes every key. */
	readonly volumes: readonly { readonly selection: Selection | undefined }[];
}

/**
 * Returns a function that says whether a key of the tiers is used by any container, or by a template. A key
 * that a selection names must exist, also where no file is written.
 */
export function neededKeys({
	volumes,
	require,
	envKeys,
	templates,
	formats,
}: KeyNeeds): (key: string) => boolean {
	const everything: Selection = { keys: formats.length > 0 ? 'all' : [], prefixes: [] };
	const selections = volumes.map(({ selection }) => selection ?? everything);
	const named = new Set([...require, ...envKeys, ...[...templates.values()].flatMap(referencesOf)]);
	return (key) => named.has(key) || selections.some((one) => takes(one, key));
}
