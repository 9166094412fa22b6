import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MISCONFIGURATIONS, TWENTY } from './sentences.ts';
import { type Parts, startParts } from './support/parts.ts';
import { check } from './support/row.ts';

let parts: Parts;
beforeAll(async () => {
	parts = await startParts();
});
afterAll(() => parts[Symbol.asyncDispose]());

describe('what people get wrong is named, with the cure, where they look', () => {
	for (const row of MISCONFIGURATIONS) {
		const skip = 'root' in row && process.getuid?.() !== 0;
		test(`${row.case} (${row.place})`, { skip }, () => check(row, parts));
	}
});

test('each case is told once in each place', () => {
	const rows = MISCONFIGURATIONS.map((row) => `${row.case} (${row.place})`);
	expect(new Set(rows).size).toBe(rows.length);
});

test('all of the first twenty are there, in each of their places', () => {
	const rows = MISCONFIGURATIONS.map((row) => `${row.case} (${row.place})`);
	const wanted = Object.entries(TWENTY).flatMap(([what, places]) =>
		places.map((place) => `${what} (${place})`),
	);
	expect(wanted.filter((row) => !rows.includes(row))).toEqual([]);
});
