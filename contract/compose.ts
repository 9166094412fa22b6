import { isKey, KEY_RULE } from './keys.ts';
import { err, ok, type Result } from './result.ts';

/** Ways of putting a value into a text, so that nothing in it can leave its place. */
export const ENCODERS = ['url', 'base64', 'json', 'shell'] as const;

/** One way of putting a value into a text. */
export type Encoder = (typeof ENCODERS)[number];

/** A place in a template where the value of a secret goes. */
export interface Reference {
	readonly key: string;
	/** Undefined: the value as it is. */
	readonly encoder: Encoder | undefined;
}

/** A text with references in it; what stands between them is taken literally. */
export type Template = readonly (string | Reference)[];

const GRAMMAR = `a template in which every "$" begins \${KEY}, \${KEY:encoder} or $$ (one literal "$"), with one reference at least`;

/**
 * The end of a message about the character at `index` of `text`, counted from 1. The time is proportional to
 * the text, so it is used for messages only.
 */
function at(text: string, index: number): string {
	return `at character ${[...text.slice(0, index)].length + 1}`;
}

/** What begins with the "$" at `index`: a part of the template, and where it ends. */
function partAt(text: string, index: number): Result<{ part: string | Reference; end: number }> {
	if (text[index + 1] === '$') return ok({ part: '$', end: index + 2 });
	if (text[index + 1] !== '{') return err(`${GRAMMAR}; the "$" ${at(text, index)} begins none of them`);
	const end = text.indexOf('}', index);
	if (end < 0) return err(`${GRAMMAR}; the "\${" ${at(text, index)} has no "}"`);
	const [key = '', encoder, ...rest] = text.slice(index + 2, end).split(':');
	if (!isKey(key))
		return err(`${GRAMMAR}; the reference ${at(text, index)} does not begin with a key (${KEY_RULE})`);
	const known = ENCODERS.find((one) => one === encoder);
	if ((encoder !== undefined && known === undefined) || rest.length > 0)
		return err(
			`${GRAMMAR}; the encoder of the reference ${at(text, index)} is none of ${ENCODERS.join(', ')}`,
		);
	return ok({ part: { key, encoder: known }, end: end + 1 });
}

/** All annotations of a pod together have at most 256 KiB (Kubernetes, TotalAnnotationSizeLimitB). */
const MAX_CHARACTERS = 64 * 1024;

/**
 * Parses the template of a composed value. The error says what a template is and where this one is wrong. It
 * repeats nothing of the text.
 */
export function parseTemplate(text: string): Result<Template> {
	if (text.length > MAX_CHARACTERS) return err(`a template of at most ${MAX_CHARACTERS} characters`);
	if (text.includes('\0') || !text.isWellFormed())
		return err(`${GRAMMAR}; this one holds a NUL or half of a surrogate pair`);
	const parts: (string | Reference)[] = [];
	let from = 0;
	for (let index = text.indexOf('$'); index >= 0; index = text.indexOf('$', from)) {
		const found = partAt(text, index);
		if (!found.ok) return found;
		if (index > from) parts.push(text.slice(from, index));
		parts.push(found.value.part);
		from = found.value.end;
	}
	if (from < text.length) parts.push(text.slice(from));
	// A constant needs no secret, and might be a secret that someone typed here.
	if (!parts.some((part) => typeof part !== 'string')) return err(`${GRAMMAR}; this one has none`);
	return ok(parts);
}

/**
 * Bank-Vaults' webhook replaces variables whose values begin like this (bank-vaults.dev, "Configuration
 * examples"); so it does for OpenBao.
 */
const FOREIGN_REFERENCE = /^(?:>>)?(?:vault|bao):/;
const MARK = 'template:';

/**
 * The text of a template for a variable. A mark comes first where another tool's webhook would replace the
 * value.
 */
export function templateVariable(text: string): string {
	return FOREIGN_REFERENCE.test(text) || text.startsWith(MARK) ? MARK + text : text;
}

/** Takes the template of a variable. */
export function parseTemplateVariable(value: string): Result<Template> {
	return parseTemplate(value.startsWith(MARK) ? value.slice(MARK.length) : value);
}

/**
 * Whether a text contains what Bank-Vaults' webhook replaces inside a value ("Inline mutation" in its
 * documentation).
 */
export function holdsForeignReference(text: string): boolean {
	return /\$\{(?:>>)?(?:vault|bao):/.test(text);
}

/** The keys that a template refers to, each once, in the order in which they first appear. */
export function referencesOf(template: Template): readonly string[] {
	const keys = new Set<string>();
	for (const part of template) if (typeof part !== 'string') keys.add(part.key);
	return [...keys];
}

/**
 * Sorts composed keys so that each comes after those that it refers to. A template that refers to its own key
 * means the secret with that name, which it replaces. The error is a cycle: each key needs the next one, and
 * the first is repeated at the end.
 */
export function composeOrder(
	templates: ReadonlyMap<string, Template>,
): Result<readonly string[], readonly string[]> {
	const done = new Set<string>();
	const path: string[] = [];
	const visit = (key: string): readonly string[] | undefined => {
		const template = templates.get(key);
		if (template === undefined || done.has(key)) return undefined;
		if (path.includes(key)) return [...path.slice(path.indexOf(key)), key];
		path.push(key);
		for (const needed of referencesOf(template)) {
			const cycle = needed === key ? undefined : visit(needed);
			if (cycle !== undefined) return cycle;
		}
		path.pop();
		done.add(key);
		return undefined;
	};
	for (const key of templates.keys()) {
		const cycle = visit(key);
		if (cycle !== undefined) return err(cycle);
	}
	return ok([...done]);
}
