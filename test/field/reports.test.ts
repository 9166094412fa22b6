import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REPORTS, TRIED } from './reports.ts';
import { type Parts, startParts } from './support/parts.ts';
import { check } from './support/row.ts';

let parts: Parts;
beforeAll(async () => {
	parts = await startParts();
});
afterAll(() => parts[Symbol.asyncDispose]());

describe('what users of comparable tools report', () => {
	for (const row of [...REPORTS, ...TRIED]) {
		test(`${row.source}: ${row.report}: ${row.here}`, () => check(row, parts));
	}
});

test('each report has its public thread', () => {
	for (const { source } of REPORTS) expect(source).toMatch(/^[\w.-]+\/[\w.-]+#\d+$/);
	expect(new Set(REPORTS.map(({ source }) => source)).size).toBe(REPORTS.length);
});
