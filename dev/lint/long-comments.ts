/** Maximum width of a comment line. A tab counts as one column, as in the formatter's line width. */
export const COMMENT_COLUMNS = 110;

/**
 * Numbers (from 1) of the lines of TypeScript source that are comments and wider than `COMMENT_COLUMNS`.
 * Comments behind code are part of a line of code.
 */
export function longComments(source: string): readonly number[] {
	let inBlock = false;
	return source.split('\n').flatMap((line, i) => {
		const isComment = inBlock || /^\s*\/[/*]/.test(line);
		if (isComment && !/^\s*\/\//.test(line)) inBlock = !line.includes('*/');
		return isComment && [...line].length > COMMENT_COLUMNS ? [i + 1] : [];
	});
}
