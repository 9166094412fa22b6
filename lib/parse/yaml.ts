import {
	type Document,
	Lexer,
	LineCounter,
	type ParseOptions,
	parseAllDocuments,
	type SchemaOptions,
} from 'yaml';
import { err, ok, type Result } from '../../contract/result.ts';
import type { ParseLimits } from './limits.ts';
import { duplicateKey, expandedSize } from './yaml-checks.ts';
import { Nesting } from './yaml-nesting.ts';

/** Limits for YAML from outside. */
export interface YamlLimits extends ParseLimits {
	/** Anchors and aliases together. */
	readonly aliases: number;
}

/**
 * A file of 128 KiB that a person wrote has fewer than 20,000 tokens. The library needs about 3 µs for each.
 * Nesting costs more, and without a limit the time for `? ? ?` has no bound.
 */
export const YAML_LIMITS: YamlLimits = { bytes: 128 * 1024, tokens: 20_000, depth: 50, aliases: 100 };

/** The version of YAML, and the meaning of tags. */
export type YamlDialect = Pick<
	SchemaOptions & ParseOptions & { version?: '1.1' | '1.2' },
	'customTags' | 'merge' | 'version'
>;

/**
 * Parses one YAML 1.2 document, with merge keys (`<<`). The limits are checked before the library parses the
 * text, so the time is proportional to the length. The error completes the sentence "the file …" and quotes
 * nothing of the text.
 */
export function parseYaml(text: string, limits: YamlLimits = YAML_LIMITS): Result<unknown> {
	const documents = parseYamlDocuments(text, limits, { merge: true });
	if (!documents.ok) return documents;
	return documents.value.length > 1 ? err('has more than one YAML document') : ok(documents.value[0] ?? null);
}

/** Parses a stream of YAML documents, with the same limits and errors as `parseYaml`. */
export function parseYamlDocuments(
	text: string,
	limits: YamlLimits,
	dialect: YamlDialect = {},
): Result<readonly unknown[]> {
	if (Buffer.byteLength(text) > limits.bytes) return err(`is larger than ${limits.bytes} bytes`);
	const problem = exceeded(text, limits);
	if (problem !== undefined) return err(problem);
	const lineCounter = new LineCounter();
	// The library compares each key with all others of its map, and its errors quote the text.
	const options = {
		...dialect,
		uniqueKeys: false,
		prettyErrors: false,
		logLevel: 'silent',
		lineCounter,
	} as const;
	const values: unknown[] = [];
	for (const document of parseAllDocuments(text, options)) {
		const value = checkedValue(document, lineCounter, limits);
		if (!value.ok) return value;
		values.push(value.value);
	}
	return ok(values);
}

function checkedValue(document: Document, lines: LineCounter, { tokens }: YamlLimits): Result<unknown> {
	const at = (offset: number): string =>
		`line ${lines.linePos(offset).line}, column ${lines.linePos(offset).col}`;
	const [broken] = document.errors;
	if (broken !== undefined) return err(`is not YAML: see ${at(broken.pos[0])}`);
	const twice = duplicateKey(document);
	if (twice !== undefined) return err(`has a key twice in one map: see ${at(twice)}`);
	const size = expandedSize(document);
	if (size === Number.POSITIVE_INFINITY) return err('is not YAML: an alias has no anchor before it');
	if (size > tokens)
		return err(`has more than ${tokens} values when aliases are replaced by what they stand for`);
	try {
		return ok(document.toJS({ maxAliasCount: -1 }));
	} catch {
		return err('is not YAML: a merge key stands for something other than a map');
	}
}

function exceeded(text: string, limits: YamlLimits): string | undefined {
	const nesting = new Nesting();
	let tokens = 0;
	let aliases = 0;
	for (const lexeme of new Lexer().lex(text)) {
		tokens += 1;
		if (lexeme[0] === '*' || lexeme[0] === '&') aliases += 1;
		if (tokens > limits.tokens) return `has more than ${limits.tokens} tokens`;
		if (aliases > limits.aliases) return `has more than ${limits.aliases} anchors and aliases`;
		if (nesting.after(lexeme) > limits.depth) return `is nested deeper than ${limits.depth} levels`;
	}
	return undefined;
}
