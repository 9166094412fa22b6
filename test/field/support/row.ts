import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Parts } from './parts.ts';

/** How a row is shown: by what comes out here, or by a test that needs other parts. */
export type Shown =
	| {
			/** Brings it about with real parts and gives the text that people see, or what became of it. */
			readonly see: (parts: Parts) => Promise<string> | string;
			/** Matches that text. */
			readonly sentence: RegExp;
			/** Rows without it need no root. */
			readonly root?: true;
	  }
	| {
			readonly shownBy: { readonly file: string; readonly test: string };
			/** What that test expects, in short. */
			readonly sentence: string;
			/**
			 * Texts that the test file expects from the program, literally (without the escapes of a regular
			 * expression).
			 */
			readonly expects?: readonly string[];
	  };

const ROOT = join(import.meta.dirname, '../../..');

/**
 * Checks a row. A test elsewhere that shows it must exist with that title, must not be skipped, and must
 * expect those texts.
 */
export async function check(row: Shown, parts: Parts): Promise<void> {
	if ('see' in row) {
		expect(await row.see(parts)).toMatch(row.sentence);
		return;
	}
	const { file, test } = row.shownBy;
	const path = join(ROOT, file);
	expect(existsSync(path), `${file} is there`).toBe(true);
	const source = readFileSync(path, 'utf8');
	expect(titlesIn(source), `${file} has a test of that title`).toContain(test);
	const plain = source.replaceAll('\\', '');
	for (const text of row.expects ?? []) expect(plain, `${file} expects that text`).toContain(text);
}

/**
 * The titles of tests, groups and table cases: all whole strings of a file, without those of skipped tests.
 */
function titlesIn(source: string): readonly string[] {
	const active = source.replace(/\b(?:test|describe)\.(?:skip|todo)\(\s*(['"`]).*?\1/g, '');
	return [...active.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/g)].map(
		([, single, double]) => single ?? double ?? '',
	);
}
