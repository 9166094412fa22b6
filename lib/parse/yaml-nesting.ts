interface Line {
	readonly indent: number;
	/** Collections that begin on this line: one for each `-`, `?` and `:`. */
	readonly levels: number;
}

/** Inside of a flow collection they begin no collection: its brackets are counted instead. */
const INDICATORS = new Set(['-', '?', ':']);
const BRACKETS: ReadonlyMap<string, number> = new Map([
	['[', 1],
	['{', 1],
	[']', -1],
	['}', -1],
]);

/** Computes the depth of a YAML text from its lexemes, before the text is parsed. */
export class Nesting {
	/** Lines that enclose the current line. */
	readonly #outer: Line[] = [];
	#outerLevels = 0;
	#line: Line = { indent: 0, levels: 0 };
	#brackets = 0;
	#atStart = true;

	/** Takes the next lexeme from the lexer of the library yaml. Returns the depth at it. */
	after(lexeme: string): number {
		const bracket = BRACKETS.get(lexeme);
		if (bracket !== undefined) this.#brackets = Math.max(0, this.#brackets + bracket);
		else if (this.#brackets === 0) this.#afterBlock(lexeme);
		return this.#outerLevels + this.#line.levels + this.#brackets;
	}

	#afterBlock(lexeme: string): void {
		if (lexeme === '\n' || lexeme === '\r\n') {
			this.#atStart = true;
			return;
		}
		if (this.#atStart) this.#beginLine(/^ +$/.test(lexeme) ? lexeme.length : 0);
		if (INDICATORS.has(lexeme)) this.#line = { ...this.#line, levels: this.#line.levels + 1 };
	}

	#beginLine(indent: number): void {
		this.#atStart = false;
		this.#outer.push(this.#line);
		this.#outerLevels += this.#line.levels;
		for (
			let last = this.#outer.at(-1);
			last !== undefined && last.indent >= indent;
			last = this.#outer.at(-1)
		) {
			this.#outer.pop();
			this.#outerLevels -= last.levels;
		}
		this.#line = { indent, levels: 0 };
	}
}
