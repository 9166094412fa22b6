import { randomBytes } from 'node:crypto';
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

/** One of a program's two streams. Whatever is written goes through one function that makes it fit to be shown. */
export interface Terminal {
	/**
	 * Writes text, a line or more. What a terminal would obey (escapes, other control characters) or what turns the writing round is
	 * replaced by U+FFFD, wherever the text comes from. Line breaks, tabs and the colours of `paint` stay.
	 */
	write(text: string): void;
	/**
	 * Text that `write` shows in a colour where the stream shows colours (a terminal, and NO_COLOR unset). For the same terminal alone:
	 * another one does not know the marks.
	 */
	paint(style: Style, text: string): string;
	/** Draws a line over the one that was drawn before; undefined takes it away. For terminals alone. */
	redraw(line: string | undefined): void;
	/** True when a person is looking. */
	readonly interactive: boolean;
}

/** The stream of a terminal. */
export type Screen = NodeJS.WritableStream & { readonly isTTY?: boolean | undefined };

/** A terminal on a stream of the process. */
export function openTerminal(stream: Screen): Terminal {
	const marks = openMarks();
	return {
		write: (text) => void stream.write(marks.render(text, stream)),
		paint: marks.mark,
		redraw: (line) => void stream.write(line === undefined ? '\r\u001b[K' : `\r${printable(line)}`),
		interactive: stream.isTTY === true,
	};
}

/**
 * Marks of colours inside text. They begin with random digits that foreign text cannot know, so that no foreign text colours itself, and
 * are made of noncharacters, which `printable` replaces.
 */
function openMarks(): {
	mark: (style: Style, text: string) => string;
	render: (text: string, stream: Screen) => string;
} {
	const secret = randomBytes(8).toString('hex');
	const marked = new RegExp(`\ufdd0${secret}([a-z]+)\ufdd1([^\ufdd0]*?)\ufdd2${secret}`, 'gu');
	return {
		mark: (style, text) => `\ufdd0${secret}${style}\ufdd1${printable(text)}\ufdd2${secret}`,
		render: (text, stream) => {
			const shown: string[] = [];
			let at = 0;
			for (const found of text.matchAll(marked)) {
				const [whole, style, inside = ''] = found;
				shown.push(printable(text.slice(at, found.index)));
				shown.push(styleText([...STYLES[style as Style]], inside, { stream }));
				at = found.index + whole.length;
			}
			shown.push(printable(text.slice(at)));
			return shown.join('');
		},
	};
}

/** What stands in no text of a program for people: control and format characters, line separators, what is unassigned. */
const UNPRINTABLE = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu;

function printable(text: string): string {
	return text.replace(UNPRINTABLE, '\ufffd');
}

/** True for text that `write` shows as it is. */
export function isPrintable(text: string): boolean {
	return printable(text) === text;
}

/** JSON text in which every character that is not printable is escaped: for programs nothing changes, and a terminal obeys nothing. */
export function printableJson(text: string): string {
	return text.replace(UNPRINTABLE, (found) =>
		Array.from(
			{ length: found.length },
			(_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`,
		).join(''),
	);
}

/** Longer sentences of a server are cut: nobody reads them, and a terminal's history should not be theirs. */
const SAID_LIMIT = 1_000;

/** What a server said, on one line, so that no part of it passes for a line of the program's own; at most 1,000 characters. */
export function oneLineMessage(text: string): string {
	const line = text
		.slice(0, 4 * SAID_LIMIT)
		.replace(/\s+/g, ' ')
		.trim();
	return line.length > SAID_LIMIT ? `${line.slice(0, SAID_LIMIT)}…` : line;
}
