/**
 * Text of CEL expressions (cel.dev, with Kubernetes' extensions). Functions of the webhook create objects
 * with placeholders for expressions, so that the webhook and the policy share the code that decides what
 * injection adds.
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

/** The literal of a regular expression. It may contain only syntax that JavaScript and RE2 share. */
export function pattern({ source, flags }: RegExp): string {
	if (flags !== '' || /\(\?[^:]|\\[1-9kup]/.test(source))
		throw new Error(`/${source}/${flags} means another thing in RE2`);
	return literal(source.replaceAll('\\/', '/'));
}

/**
 * An expression with a local variable: `name` is the value of another expression, which is evaluated once.
 * Kubernetes' CEL has no `cel.bind`.
 */
export function bind(name: string, value: string, body: string): string {
	return `[${value}].map(${name},\n${indented(body)})[0]`;
}

/** Indents a text by one step, so that the policy is readable. */
export function indented(text: string): string {
	return text.replaceAll(/^(?=.)/gm, '  ');
}

/** The disjunction of expressions in their order, each on its own lines. */
export function anyOf(expressions: readonly string[]): string {
	return expressions.map((each) => `(${each})`).join(' ||\n');
}

const OPEN = '\uE000';
const CLOSE = '\uE001';
const PLACEHOLDER = /\uE000([^\uE001]*)\uE001/g;

/**
 * A placeholder value of type `T`, for code that only passes it on. `celOf` replaces it by this expression.
 */
export function placeholder<T>(expression: string): T {
	return `${OPEN}${expression}${CLOSE}` as T;
}

/**
 * The CEL expression of a JSON value with placeholders. Maps and lists of mixed types need `dyn` around each
 * value, because aggregates in Kubernetes' CEL have one type.
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

/** Joins text and placeholders. A single placeholder may have any type. */
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
