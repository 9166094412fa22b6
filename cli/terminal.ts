import { styleText } from 'node:util';

/** Colours and weights by what they are for. */
const STYLES = {
	title: ['bold'],
	faint: ['dim'],
	added: ['green'],
	removed: ['red'],
	place: ['cyan'],
	good: ['green'],
	warning: ['yellow'],
	bad: ['red', 'bold'],
} as const;

/** What a piece of text is, for the eye. */
export type Style = keyof typeof STYLES;

/** One of the command's two streams. */
export interface Terminal {
	/** Text as it is, a line or more. */
	write(text: string): void;
	/** Text in a colour where the stream shows colours (a terminal, and NO_COLOR unset), else as it is. */
	paint(style: Style, text: string): string;
	/** True when a person is looking. */
	readonly interactive: boolean;
}

/** A terminal on a stream of the process. */
export function openTerminal(stream: NodeJS.WriteStream): Terminal {
	return {
		write: (text) => void stream.write(text),
		paint: (style, text) => styleText([...STYLES[style]], text, { stream }),
		interactive: stream.isTTY === true,
	};
}

/**
 * Foreign text, fit to be shown: what a terminal would obey, or what turns the writing round, is replaced. Line breaks and tabs stay.
 */
export function printable(text: string): string {
	return text.replace(/[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
