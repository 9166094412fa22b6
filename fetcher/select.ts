import { isKey } from '../contract/keys.ts';
import type { Selection } from '../contract/selection.ts';
import type { Secret } from './tiers.ts';

/** A secret under its name in the container. */
export interface SelectedSecret extends Secret {
	/** Its key in the merged secrets, if the name in the container is different. */
	readonly source?: string;
}

/** The secrets of one volume. */
interface SelectResult {
	/** Under their names in the container, sorted in byte order. */
	readonly secrets: readonly SelectedSecret[];
	/** Sentences about names that are invalid or not unique. */
	readonly clashes: readonly string[];
}

/**
 * Returns the existing secrets of a selection; all secrets without a selection.
 *
 * @param isName whether a text can be a name where the secrets go; default: that of a variable
 */
export function select(
	all: readonly Secret[],
	selection: Selection | undefined,
	isName: (text: string) => boolean = isKey,
): SelectResult {
	if (selection === undefined || selection.keys === 'all') return { secrets: all, clashes: [] };
	const byKey = new Map(all.map((secret) => [secret.key, secret]));
	const byName = selection.keys.flatMap(({ name, source }) => {
		const secret = byKey.get(source);
		return secret === undefined ? [] : [{ name, secret }];
	});
	const byPrefix = selection.prefixes.flatMap(({ name, source }) =>
		all
			.filter(({ key }) => key.startsWith(source))
			.map((secret) => ({ name: name + secret.key.slice(source.length), secret })),
	);
	const selected = new Map<string, Secret>();
	const clashes: string[] = [];
	for (const { name, secret } of [...byName, ...byPrefix]) {
		const other = selected.get(name);
		if (!isName(name))
			clashes.push(`${secret.key} without its prefix would be "${name}", which is not a name`);
		else if (other !== undefined && other.key !== secret.key)
			clashes.push(`${other.key} and ${secret.key} would both be ${name}`);
		else selected.set(name, secret);
	}
	return {
		// Names are ASCII, so the order of UTF-16 units is the order of bytes.
		secrets: [...selected]
			.map(([name, { key, origin, value }]) => ({
				key: name,
				origin,
				value,
				...(name === key ? {} : { source: key }),
			}))
			.sort((a, b) => (a.key < b.key ? -1 : 1)),
		clashes,
	};
}
