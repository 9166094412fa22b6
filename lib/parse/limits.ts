/** What a text from outside may hold before it is parsed. */
export interface ParseLimits {
	/** Bytes of UTF-8. */
	readonly bytes: number;
	/** JSON: names and values. YAML: what its lexer gives, three to five for a line of `key: value`. */
	readonly tokens: number;
	/** Lists and objects in one another. */
	readonly depth: number;
}
