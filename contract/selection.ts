import { isKey, KEY_RULE } from './keys.ts';
import { err, ok, type Result } from './result.ts';

/** A key, or the beginning of keys, and what a container gets it as. */
export interface NamedKey {
	/** What the container sees; of a prefix it may be empty. */
	readonly name: string;
	/** What it is in the merged secrets. */
	readonly source: string;
}

/** Which of the merged secrets a container gets, and under which names. */
export interface Selection {
	/** Single keys, each of which must exist; `all`: every key under its own name. */
	readonly keys: readonly NamedKey[] | 'all';
	/** Beginnings of keys, each of which must be that of one key at least. */
	readonly prefixes: readonly NamedKey[];
}

const ALL = '*';

/** Splits `NAME=SOURCE, SOURCE, …`. An item with more than one "=" gets a source that no key can be. */
function pairs(text: string): readonly NamedKey[] {
	return text.split(',').map((part) => {
		// Most are so, and there may be thousands: to split these as well takes longer than all else with them.
		if (!part.includes('=')) {
			const key = part.trim();
			return { name: key, source: key };
		}
		const [name = '', source = '', ...rest] = part.split('=').map((side) => side.trim());
		return rest.length > 0 ? { name, source: '' } : { name, source };
	});
}

/** Takes a comma-separated list of `KEY` or `NAME=KEY`, or "*". */
export function parseSelectedKeys(text: string): Result<Selection['keys']> {
	if (text.trim() === ALL) return ok('all');
	const rule = `a comma-separated list of KEY or NAME=KEY, each side ${KEY_RULE}; or "*" for all`;
	const keys = pairs(text);
	if (keys.some(({ name, source }) => !isKey(name) || (source !== name && !isKey(source)))) return err(rule);
	if (new Set(keys.map(({ name }) => name)).size !== keys.length) return err(`${rule}; each name once`);
	return ok(keys);
}

/** Takes a comma-separated list of `PREFIX` or `OTHER=PREFIX`, of which OTHER may be empty. */
export function parsePrefixes(text: string): Result<Selection['prefixes']> {
	const rule = `a comma-separated list of PREFIX or OTHER=PREFIX, each side ${KEY_RULE}, OTHER possibly empty`;
	const prefixes = pairs(text);
	if (prefixes.some(({ name, source }) => !isKey(source) || (name !== '' && !isKey(name)))) return err(rule);
	if (new Set(prefixes.map(({ source }) => source)).size !== prefixes.length)
		return err(`${rule}; each prefix once`);
	return ok(prefixes);
}

/** The normalized text of a list: sorted, without blanks. It can be compared and parsed. */
export function listText(list: Selection['keys']): string {
	if (list === 'all') return ALL;
	return list
		.map(({ name, source }) => (name === source ? source : `${name}=${source}`))
		.sort()
		.join(',');
}
