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

/** One output stream of a program. All text goes through one function that makes it safe to show. */
export interface Terminal {
	/**
	 * Writes text. Replaces escapes, other control characters and characters that change the direction of text
	 * by U+FFFD. Line breaks, tabs and the colours of `paint` stay.
	 */
	write(text: string): void;
	/**
	 * Returns text that `write` shows in a colour if the stream shows colours (a terminal, and NO_COLOR is not
	 * set). Valid for this terminal only: the marks differ.
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
 * Marks for colours inside text. They begin with random digits, so foreign text cannot colour itself, and
 * consist of noncharacters, which `printable` replaces.
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

/**
 * Characters that text for people must not contain: control and format characters, line separators,
 * unassigned ones.
 */
const UNPRINTABLE = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}]/gu;

function printable(text: string): string {
	return text.replace(UNPRINTABLE, '\ufffd');
}

/** True for text that `write` shows as it is. */
export function isPrintable(text: string): boolean {
	return printable(text) === text;
}

/**
 * JSON text with every unprintable character escaped. Programs read the same value, and a terminal obeys
 * nothing.
 */
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

/**
 * A server's message on one line, so that it cannot look like a line of the program. At most `SAID_LIMIT`
 * characters.
 */
export function oneLineMessage(text: string): string {
	const line = text
		.slice(0, 4 * SAID_LIMIT)
		.replace(/\s+/g, ' ')
		.trim();
	return line.length > SAID_LIMIT ? `${line.slice(0, SAID_LIMIT)}…` : line;
}
