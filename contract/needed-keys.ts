import { referencesOf, type Template } from './compose.ts';
import { type Selection, takes } from './selection.ts';

/** What a pod asks for. */
export interface KeyNeeds {
	/** Keys that must exist. */
	readonly require: readonly string[];
	/** Keys for native variables. */
	readonly envKeys: readonly string[];
	/** Templates by the key of the composed value. */
	readonly templates: ReadonlyMap<string, Template>;
	/** The directories with files; a selection that is undefined takes every key. */
	readonly volumes: readonly { readonly selection: Selection | undefined }[];
}

/** Returns a function that says whether a key of the tiers is used by any container, or by a template. */
export function neededKeys({ volumes, require, envKeys, templates }: KeyNeeds): (key: string) => boolean {
	const selections = volumes.map(({ selection }) => selection);
	const named = new Set([...require, ...envKeys, ...[...templates.values()].flatMap(referencesOf)]);
	return (key) => named.has(key) || selections.some((one) => one === undefined || takes(one, key));
}
