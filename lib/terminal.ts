import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';

/** Colours and weights, by purpose. */
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

/** The purpose of a piece of text. */
export type Style = keyof typeof STYLES;

/** One output stream of a program. All text goes through one function that makes it safe to show. */
export interface Terminal {
	/**
	 * Writes text. Replaces escapes, other control characters and characters that change the direction of text
	 * by U+FFFD. Line breaks, tabs and the colours of `paint` stay.
	 */
	write(text: string): void;
	/**
	 * Returns text that `write` shows in a colour, if the stream shows colours (it is a terminal, and NO_COLOR
	 * is not set). The result is valid for this terminal only: each terminal has its own marks.
	 */
	paint(style: Style, text: string): string;
	/** Replaces the line of the last `redraw`; undefined removes it. Only for terminals. */
	redraw(line: string | undefined): void;
	/** True when the stream is a terminal. */
	readonly interactive: boolean;
}

/** The output stream of a terminal. */
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
	const pattern = new RegExp(`\ufdd0${secret}([a-z]+)\ufdd1([^\ufdd0]*?)\ufdd2${secret}`, 'gu');
	return {
		mark: (style, text) => `\ufdd0${secret}${style}\ufdd1${printable(text)}\ufdd2${secret}`,
		render: (text, stream) => {
			const parts: string[] = [];
			let at = 0;
			for (const match of text.matchAll(pattern)) {
				const [whole, style, inside = ''] = match;
				parts.push(printable(text.slice(at, match.index)));
				parts.push(styleText([...STYLES[style as Style]], inside, { stream }));
				at = match.index + whole.length;
			}
			parts.push(printable(text.slice(at)));
			return parts.join('');
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
 * JSON text with every unprintable character escaped. Programs read the same value, and the text has no
 * control sequences for a terminal.
 */
export function printableJson(text: string): string {
	return text.replace(UNPRINTABLE, (characters) =>
		Array.from(
			{ length: characters.length },
			(_, i) => `\\u${characters.charCodeAt(i).toString(16).padStart(4, '0')}`,
		).join(''),
	);
}

/** Maximum length of a server's message, in characters. Longer messages would fill the terminal. */
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
