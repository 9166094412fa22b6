import { type AuditEntry, FIELDS } from './entry.ts';

/** A sign with which a formula begins, full-width too, after characters that a spreadsheet may skip. */
const FORMULA = /^[\s\p{Z}\p{C}]*[=+\-@\uff1d\uff0b\uff0d\uff20]/u;
/** A cell that begins with one of these is also read as a formula by some spreadsheets. */
const CONTROL = /^[\t\r\n]/;

/**
 * One cell. A spreadsheet shows an apostrophe in front of a text that it would otherwise run as a formula.
 * Every cell is quoted, so that a delimiter of another country ends none.
 */
function cell(text: string): string {
	const safe = FORMULA.test(text) || CONTROL.test(text) ? `'${text}` : text;
	return `"${safe.replaceAll('"', '""')}"`;
}

/** A row of CSV (RFC 4180). */
function row(cells: readonly string[]): string {
	return `${cells.map(cell).join(',')}\r\n`;
}

/** The row with the names of the columns. */
export const CSV_HEAD = row(FIELDS);

/** The row of an entry. */
export function csvRow(entry: AuditEntry): string {
	return row(FIELDS.map((field) => String(entry[field] ?? '')));
}
