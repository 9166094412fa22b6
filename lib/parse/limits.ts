/** Limits that a text from outside must meet before it is parsed. */
export interface ParseLimits {
	/** Bytes of UTF-8. */
	readonly bytes: number;
	/** JSON: names and values. YAML: tokens of the lexer, three to five for a line of `key: value`. */
	readonly tokens: number;
	/** Maximum depth of nested lists and objects. */
	readonly depth: number;
}
