const SHOWN = 300;

/** Tokens of Vault (hvs., hvb., hvr.) and OpenBao (s., b., r.), and any text that looks like a JWT. */
const SECRETS = /eyJ[\w-]{8,}(?:\.[\w-]*){0,4}|\b(?:hv[sbr]|[sbr])\.[\w-]{20,}/g;

const escaped = (character: string): string =>
	`\\u{${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}}`;

/**
 * Makes untrusted text safe for one line of a message. Escapes characters outside of printable ASCII, removes
 * text that looks like a token, and cuts the text to `max` characters.
 */
export function printable(text: string, max = SHOWN): string {
	const clean = text.replace(SECRETS, '(redacted)').replace(/\s+/g, ' ').trim();
	const cut = clean.length > max ? `${clean.slice(0, max)}…` : clean;
	return cut.replace(/[^ -~…]/gu, escaped);
}

/** The same in double quotes, for names. Keeps white space, which may be the mistake in a name. */
export function quoted(name: string, max = 100): string {
	const cut = name.length > max ? `${name.slice(0, max)}…` : name;
	return `"${cut
		.replace(SECRETS, '(redacted)')
		.replace(/["\\]/g, '\\$&')
		.replace(/[^ -~…]/gu, escaped)}"`;
}

/** `a`, `a and b`, `a, b and c`. Shows `max` items and the number of the others. */
export function enumerate(items: readonly string[], max = 10): string {
	const shown = items.length > max ? [...items.slice(0, max), `${items.length - max} more`] : items;
	return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
