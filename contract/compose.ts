import { isKey, KEY_RULE } from './keys.ts';
import { err, ok, type Result } from './result.ts';

/** Encodings for a value in a template. They escape the value for its context, for example a URL. */
export const ENCODERS = ['url', 'base64', 'json', 'shell'] as const;

/** One of these encodings. */
export type Encoder = (typeof ENCODERS)[number];

/** A reference in a template. The value of a secret replaces it. */
export interface Reference {
	readonly key: string;
	/** Undefined: the value is not encoded. */
	readonly encoder: Encoder | undefined;
}

/** The parts of a template in order: literal text and references. */
export type Template = readonly (string | Reference)[];

const GRAMMAR = `a template in which every "$" begins \${KEY}, \${KEY:encoder} or $$ (one literal "$"), with one reference at least`;

/**
 * The position of `index` in `text` for a message, in characters from 1. The time grows with the length of
 * the text, so it is used for messages only.
 */
function at(text: string, index: number): string {
	return `at character ${[...text.slice(0, index)].length + 1}`;
}

/** Parses the part of the template that begins with the "$" at `index`. `end` is the index after it. */
function partAt(text: string, index: number): Result<{ part: string | Reference; end: number }> {
	if (text[index + 1] === '$') return ok({ part: '$', end: index + 2 });
	if (text[index + 1] !== '{') return err(`${GRAMMAR}; the "$" ${at(text, index)} begins none of them`);
	const end = text.indexOf('}', index);
	if (end < 0) return err(`${GRAMMAR}; the "\${" ${at(text, index)} has no "}"`);
	const [key = '', encoder, ...rest] = text.slice(index + 2, end).split(':');
	if (!isKey(key))
		return err(`${GRAMMAR}; the reference ${at(text, index)} does not begin with a key (${KEY_RULE})`);
	const validEncoder = ENCODERS.find((one) => one === encoder);
	if ((encoder !== undefined && validEncoder === undefined) || rest.length > 0)
		return err(
			`${GRAMMAR}; the encoder of the reference ${at(text, index)} is none of ${ENCODERS.join(', ')}`,
		);
	return ok({ part: { key, encoder: validEncoder }, end: end + 1 });
}

/** All annotations of a pod together have at most 256 KiB (Kubernetes, TotalAnnotationSizeLimitB). */
const MAX_CHARACTERS = 64 * 1024;

/**
 * Parses the template of a composed value. The error describes the syntax and the position of the mistake. It
 * does not contain the text, which could be a secret.
 */
export function parseTemplate(text: string): Result<Template> {
	if (text.length > MAX_CHARACTERS) return err(`a template of at most ${MAX_CHARACTERS} characters`);
	if (text.includes('\0') || !text.isWellFormed())
		return err(`${GRAMMAR}; this one holds a NUL or half of a surrogate pair`);
	const parts: (string | Reference)[] = [];
	let from = 0;
	for (let index = text.indexOf('$'); index >= 0; index = text.indexOf('$', from)) {
		const parsed = partAt(text, index);
		if (!parsed.ok) return parsed;
		if (index > from) parts.push(text.slice(from, index));
		parts.push(parsed.value.part);
		from = parsed.value.end;
	}
	if (from < text.length) parts.push(text.slice(from));
	// Without a reference the text could be a secret that a person typed here.
	if (!parts.some((part) => typeof part !== 'string')) return err(`${GRAMMAR}; this one has none`);
	return ok(parts);
}

/**
 * Bank-Vaults' webhook replaces variables whose values begin like this, for Vault and for OpenBao
 * (bank-vaults.dev, "Configuration examples").
 */
const FOREIGN_REFERENCE = /^(?:>>)?(?:vault|bao):/;
const MARK = 'template:';

/**
 * The text of a template for a variable. It begins with a mark if another tool's webhook would otherwise
 * replace the value.
 */
export function templateVariable(text: string): string {
	return FOREIGN_REFERENCE.test(text) || text.startsWith(MARK) ? MARK + text : text;
}

/** Parses the text that `templateVariable` writes. */
export function parseTemplateVariable(value: string): Result<Template> {
	return parseTemplate(value.startsWith(MARK) ? value.slice(MARK.length) : value);
}

/**
 * Whether a text contains a reference that Bank-Vaults' webhook replaces inside a value (its documentation,
 * "Inline mutation").
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
 * The composed keys whose values depend, also through others, on a secret with a key that `isSource` accepts.
 */
export function dependentKeys(
	templates: ReadonlyMap<string, Template>,
	isSource: (key: string) => boolean,
): ReadonlySet<string> {
	const found = new Set<string>();
	for (let before = -1; before !== found.size; ) {
		before = found.size;
		for (const [key, template] of templates) {
			// A reference to the own key means a secret with that name.
			const depends = (one: string): boolean =>
				one !== key && templates.has(one) ? found.has(one) : isSource(one);
			if (referencesOf(template).some(depends)) found.add(key);
		}
	}
	return found;
}

/**
 * Sorts composed keys so that each key comes after the keys that it refers to. A template may refer to its
 * own key: it then uses the secret with that name and replaces it. The error is a cycle: each key refers to
 * the next one, and the first key appears again at the end.
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
