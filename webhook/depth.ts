const QUOTE = '"'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
/** What one sign outside of strings does to the depth, by its code. */
const STEPS: readonly number[] = Array.from({ length: 128 }, (_, code) => {
	const sign = String.fromCharCode(code);
	if ('[{'.includes(sign)) return 1;
	return ']}'.includes(sign) ? -1 : 0;
});

/**
 * Whether lists and objects lie in each other more than `most` deep. To be asked before JSON.parse, which takes ten times as long for opening
 * brackets as for anything else. Text that is no JSON gets some answer.
 */
export function isDeeperThan(text: string, most: number): boolean {
	let depth = 0;
	for (let i = 0; i < text.length && depth <= most; i += 1) {
		const sign = text.charCodeAt(i);
		if (sign === QUOTE) i = endOfString(text, i + 1);
		else depth += STEPS[sign] ?? 0;
	}
	return depth > most;
}

/**
 * Whether the text holds more than so many values, none of which costs a byte or two only once it is parsed: seven MiB of `{}` become hundreds.
 * Text that is no JSON gets some answer.
 */
export function holdsMoreThan(text: string, most: number): boolean {
	let values = 0;
	for (let i = 0; i < text.length && values <= most; i += 1) {
		const sign = text.charCodeAt(i);
		if (sign === QUOTE) i = endOfString(text, i + 1);
		else if (sign === COMMA || STEPS[sign] === 1) values += 1;
	}
	return values > most;
}

/** Where the string that begins at `from` ends. */
function endOfString(text: string, from: number): number {
	let at = from;
	for (let sign = text.charCodeAt(at); at < text.length && sign !== QUOTE; sign = text.charCodeAt(at))
		at += sign === BACKSLASH ? 2 : 1;
	return at;
}
