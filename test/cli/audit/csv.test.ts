/** Cells of CSV: a reader of RFC 4180 gets them back, and no spreadsheet runs one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CSV_HEAD, csvRow } from '../../../cli/audit/csv.ts';
import { type AuditEntry, FIELDS } from '../../../cli/audit/entry.ts';

/** A reader of one record, written from RFC 4180 alone. */
function parse(text: string): readonly string[] {
	const cells: string[] = [];
	for (let at = 0; at < text.length; ) {
		expect(text[at]).toBe('"');
		let cell = '';
		for (at += 1; ; at += 1) {
			if (text[at] !== '"') cell += text[at];
			else if (text[at + 1] === '"') {
				cell += '"';
				at += 1;
			} else break;
		}
		cells.push(cell);
		at += 1;
		if (text.slice(at) === '\r\n') return cells;
		expect(text[at]).toBe(',');
		at += 1;
	}
	throw new Error('no end of the record');
}

const entry = (reason: string): AuditEntry => ({
	...{ time: '2026-05-04T10:00:00Z', phase: 'result', actor: 'user:alice', via: 'session' },
	...{ action: 'reveal', eventId: 'e', scope: 'deployments/shop', key: 'A', requestId: 'r', ip: '::1' },
	...{ replica: 'pod/1', sequence: 7, result: 'done', status: 200, reason },
});
const reasonIn = (row: string): string => parse(row)[FIELDS.indexOf('reason')] ?? '';

test('every field has a column, in the order of the head', () => {
	expect(parse(CSV_HEAD)).toEqual([...FIELDS]);
	expect(parse(csvRow(entry('x')))).toHaveLength(FIELDS.length);
});

test('any text comes back, with an apostrophe in front at most', () => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), (text) => {
			const read = reasonIn(csvRow(entry(text)));
			expect(read === text || read === `'${text}`).toBe(true);
			expect(/^\s*[=+\-@]/u.test(read)).toBe(false);
		}),
	);
});

test.each([
	'=HYPERLINK("http://evil.example","x")',
	'+1+1',
	'-2+3+cmd|" /C calc"!A0',
	'@SUM(1+1)*cmd|" /C calc"!A0',
	'  =1+1',
	'\n=1+1',
	'\r\n\t =1+1',
	'\t=1+1',
	'\u00a0=1+1',
	'\u3000=1+1',
	'\ufeff=1+1',
	'\u200b=1+1',
	'\uff1d1+1',
	'\tplain text after a tab',
])('a spreadsheet is shown %j and does not run it', (text) => {
	expect(reasonIn(csvRow(entry(text)))).toBe(`'${text}`);
});

test.each(['a=b', 'user:alice', '1-2', 'why? because', ''])('%j stays as it is', (text) => {
	expect(reasonIn(csvRow(entry(text)))).toBe(text);
});
