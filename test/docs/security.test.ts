import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lexer, type Tokens } from 'marked';
import { describe, expect, test } from 'vitest';
import { pageOf, ROOT } from './support/pages.ts';

const page = pageOf('docs/security.md').text;
const FILE = /`(test\/[^`]+)`/g;
const filesIn = (text: string): readonly string[] => [...text.matchAll(FILE)].map(([, file = '']) => file);

/** The rows of the threat model's tables: what someone tries, what stops it, which test shows it. */
const threats = lexer(page)
	.filter((token): token is Tokens.Table => token.type === 'table')
	.filter(({ header }) => header.at(-1)?.text === 'shown by')
	.flatMap(({ rows }) => rows.map((cells) => cells.map(({ text }) => text)));

describe('docs/security.md', () => {
	test('has a threat model', () => expect(threats.length).toBeGreaterThan(20));

	test.for(threats.map(([tries = '', stops, shown = '']) => [tries, stops, shown] as const))(
		'%s: says what stops it, and which test shows that',
		([, stops, shown]) => {
			expect(stops).not.toBe('');
			expect(filesIn(shown)).not.toEqual([]);
		},
	);

	test.for([...new Set(filesIn(page))])('%s is a test', (file) => {
		expect(existsSync(join(ROOT, file)), `${file} is not there`).toBe(true);
		expect(file).toMatch(/\.test\.ts$|^test\/golden$/);
	});
});
