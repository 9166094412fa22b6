import { isKey, KEY_RULE } from './keys.ts';
import { err, ok, type Result } from './result.ts';

/** A key or a prefix of keys, and its name in the container. */
export interface NamedKey {
	/** The name in the container. It may be empty for a prefix. */
	readonly name: string;
	/** The key or prefix in the merged secrets. */
	readonly source: string;
}

/** The merged secrets that a container gets, and their names in it. */
export interface Selection {
	/** Single keys, each of which must exist; `all`: every key under its own name. */
	readonly keys: readonly NamedKey[] | 'all';
	/** Prefixes. At least one key must begin with each of them. */
	readonly prefixes: readonly NamedKey[];
}

const ALL = '*';

/** Splits `NAME=SOURCE, SOURCE, …`. An item with more than one "=" gets a source that no key can be. */
function pairs(text: string): readonly NamedKey[] {
	return text.split(',').map((part) => {
		// A fast path: most items have no "=", and there may be thousands of them.
		if (!part.includes('=')) {
			const key = part.trim();
			return { name: key, source: key };
		}
		const [name = '', source = '', ...rest] = part.split('=').map((side) => side.trim());
		return rest.length > 0 ? { name, source: '' } : { name, source };
	});
}

/** Parses a comma-separated list of `KEY` or `NAME=KEY`, or "*". */
export function parseSelectedKeys(text: string): Result<Selection['keys']> {
	if (text.trim() === ALL) return ok('all');
	const rule = `a comma-separated list of KEY or NAME=KEY, each side ${KEY_RULE}; or "*" for all`;
	const keys = pairs(text);
	if (keys.some(({ name, source }) => !isKey(name) || (source !== name && !isKey(source)))) return err(rule);
	if (new Set(keys.map(({ name }) => name)).size !== keys.length) return err(`${rule}; each name once`);
	return ok(keys);
}

/** Parses a comma-separated list of `PREFIX` or `OTHER=PREFIX`. OTHER may be empty. */
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

/** True if a selection includes a key of the merged secrets. */
export function takes({ keys, prefixes }: Selection, key: string): boolean {
	return (
		keys === 'all' ||
		keys.some(({ source }) => source === key) ||
		prefixes.some(({ source }) => key.startsWith(source))
	);
}
