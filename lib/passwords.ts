import { randomInt } from 'node:crypto';

const LETTERS_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * The characters of each charset. The symbols leave out quotes, backslash, `$`, backtick and the blank, which
 * shells and configuration files often read in their own way.
 */
export const CHARSETS = {
	alnum: LETTERS_DIGITS,
	'alnum-symbol': `${LETTERS_DIGITS}!#%&()*+,-./:;<=>?@[]^_{|}~`,
	hex: '0123456789abcdef',
} as const;

/** The name of a charset. */
export type Charset = keyof typeof CHARSETS;

/** The names of all charsets. */
export const CHARSET_NAMES = Object.keys(CHARSETS) as [Charset, ...Charset[]];

/** Length in characters, and the characters. */
export interface PasswordOptions {
	readonly length: number;
	readonly charset: Charset;
}

/** Makes a password. Each character is drawn on its own, all with the same probability. */
export function generatePassword({ length, charset }: PasswordOptions): string {
	const characters = CHARSETS[charset];
	return Array.from({ length }, () => characters[randomInt(characters.length)]).join('');
}
