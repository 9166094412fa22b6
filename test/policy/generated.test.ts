import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedFiles } from '../../policy/files.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the generated manifests', () => {
	test.each([...generatedFiles()])('%s is what "envtier policy" makes now', (path, text) => {
		const file = join(ROOT, path);
		if (process.env['UPDATE']) {
			mkdirSync(dirname(file), { recursive: true });
			writeFileSync(file, text);
		}
		expect(readFileSync(file, 'utf8')).toBe(text);
	});
});
