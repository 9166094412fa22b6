/**
 * Text of CEL expressions (cel.dev, as Kubernetes has it). Placeholders stand for expressions in objects that
 * code of the webhook makes,
 * so that one function says what injection adds, both for the webhook and for the policy.
 */

/** A CEL string literal. */
export function literal(text: string): string {
	const escaped = text
		.replaceAll('\\', '\\\\')
		.replaceAll("'", "\\'")
		.replaceAll('\n', '\\n')
		.replaceAll('\r', '\\r');
	return `'${escaped}'`;
}

/** A CEL list of string literals. */
export function literals(texts: readonly string[]): string {
	return `[${texts.map(literal).join(', ')}]`;
}

/** The literal of a regular expression. Only what JavaScript and RE2 read alike may stand in it. */
export function pattern({ source, flags }: RegExp): string {
	if (flags !== '' || /\(\?[^:]|\\[1-9kup]/.test(source))
		throw new Error(`/${source}/${flags} means another thing in RE2`);
	return literal(source.replaceAll('\\/', '/'));
}

/**
 * An expression in which `name` stands for the value of another one, which is evaluated once. Kubernetes' CEL
 * has no `cel.bind`.
 */
export function bind(name: string, value: string, body: string): string {
	return `[${value}].map(${name},\n${indented(body)})[0]`;
}

/** The same text one step further right, for people who read the policy. */
export function indented(text: string): string {
	return text.replaceAll(/^(?=.)/gm, '  ');
}

/** Expressions of which one must hold, each on lines of its own; in their order. */
export function anyOf(expressions: readonly string[]): string {
	return expressions.map((each) => `(${each})`).join(' ||\n');
}

const OPEN = '\uE000';
const CLOSE = '\uE001';
const PLACEHOLDER = /\uE000([^\uE001]*)\uE001/g;

/**
 * A value, for code that only hands it on, that becomes this expression in `celOf`; `T` is what that code
 * takes it for.
 */
export function placeholder<T>(expression: string): T {
	return `${OPEN}${expression}${CLOSE}` as T;
}

/**
 * The CEL expression of a JSON value with placeholders. Maps and lists of mixed types need `dyn` around each
 * value
 * (Kubernetes' CEL wants aggregates of one type).
 */
export function celOf(value: unknown): string {
	if (typeof value === 'string') return celOfText(value);
	if (typeof value === 'number' || typeof value === 'boolean') return String(value);
	if (Array.isArray(value)) return `[${value.map((each) => dyn(each)).join(', ')}]`;
	const members = Object.entries(value as object)
		.filter(([, each]) => each !== undefined)
		.map(([name, each]) => `${literal(name)}: ${dyn(each)}`);
	return `{${members.join(', ')}}`;
}

function dyn(value: unknown): string {
	return `dyn(${celOf(value)})`;
}

/** Text and placeholders, joined; a placeholder alone may be of any type. */
function celOfText(value: string): string {
	const parts: string[] = [];
	let at = 0;
	for (const found of value.matchAll(PLACEHOLDER)) {
		if (found.index > at) parts.push(literal(value.slice(at, found.index)));
		parts.push(found[1] ?? '');
		at = found.index + found[0].length;
	}
	if (at < value.length || parts.length === 0) parts.push(literal(value.slice(at)));
	return parts.length === 1 ? (parts[0] ?? '') : parts.map((part) => part).join(' + ');
}
