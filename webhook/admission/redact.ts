const MAX_KINDS = 5;
/** Annotations may have 256 KiB. Unusual characters mostly occur early. */
const MAX_SCANNED = 4096;

const KINDS: readonly (readonly [RegExp, string])[] = [
	[/[A-Z]/, 'upper-case letters'],
	[/ /, 'blanks'],
	[/\s/, 'line breaks or other white space'],
	[/\p{C}/u, 'control characters'],
	[/[^!-~]/, 'letters or signs outside ASCII'],
];

function kindOf(character: string): string {
	return KINDS.find(([pattern]) => pattern.test(character))?.[1] ?? `"${character}"`;
}

/**
 * Describes a refused value without repeating it: people paste secrets into wrong fields, and many people can
 * see a refusal. Example: `9 characters, with upper-case letters and "/"`.
 */
export function redact(value: string): string {
	if (value === '') return 'empty';
	const odd = [...value.slice(0, MAX_SCANNED)].filter((character) => !/[a-z0-9]/.test(character));
	const kinds = [...new Set(odd.map(kindOf))];
	const length = value.length === 1 ? '1 character' : `${value.length} characters`;
	if (kinds.length === 0) return `${length}, lower-case letters and digits only`;
	const shown = kinds.length > MAX_KINDS ? [...kinds.slice(0, MAX_KINDS), 'others'] : kinds;
	const last = shown.pop();
	return `${length}, with ${shown.length === 0 ? last : `${shown.join(', ')} and ${last}`}`;
}

const MAX_NAME_LENGTH = 63;

/**
 * Quotes a name for one line of a message. Replaces invisible characters and those that change the direction
 * of text, and cuts long names.
 */
export function quoted(name: string): string {
	const cut = name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
	return JSON.stringify(cut).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
