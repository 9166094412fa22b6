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
	  };

const ROOT = join(import.meta.dirname, '../../..');

/** Checks a row. A test that shows it elsewhere must be there by that name. */
export async function check(row: Shown, parts: Parts): Promise<void> {
	if ('see' in row) {
		expect(await row.see(parts)).toMatch(row.sentence);
		return;
	}
	const { file, test } = row.shownBy;
	const path = join(ROOT, file);
	expect(existsSync(path), `${file} is there`).toBe(true);
	expect(readFileSync(path, 'utf8'), `${file} has a test of that name`).toContain(test);
}
