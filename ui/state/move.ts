/** A cell of the grid, by its row and column. */
export interface Position {
	readonly row: number;
	readonly column: number;
}

/** Rows that one page has. */
const PAGE = 10;

/** Where a key of the keyboard leads in a grid; undefined for a key that moves nothing. */
export function moved(
	{ row, column }: Position,
	{ key, ctrlKey }: { readonly key: string; readonly ctrlKey: boolean },
	size: { readonly rows: number; readonly columns: number },
): Position | undefined {
	const to = (nextRow: number, nextColumn: number): Position => ({
		row: Math.max(0, Math.min(size.rows - 1, nextRow)),
		column: Math.max(0, Math.min(size.columns - 1, nextColumn)),
	});
	switch (key) {
		case 'ArrowUp':
			return to(row - 1, column);
		case 'ArrowDown':
			return to(row + 1, column);
		case 'ArrowLeft':
			return to(row, column - 1);
		case 'ArrowRight':
			return to(row, column + 1);
		case 'PageUp':
			return to(row - PAGE, column);
		case 'PageDown':
			return to(row + PAGE, column);
		case 'Home':
			return ctrlKey ? to(0, 0) : to(row, 0);
		case 'End':
			return ctrlKey ? to(size.rows - 1, size.columns - 1) : to(row, size.columns - 1);
		default:
			return undefined;
	}
}
