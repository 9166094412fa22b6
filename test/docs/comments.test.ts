import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { COMMENT_COLUMNS, longComments } from '../../dev/lint/long-comments.ts';
import { ROOT } from './support/pages.ts';

const wide = 'x'.repeat(COMMENT_COLUMNS);

test.each([
	['a line comment', `\t// ${wide}`, [1]],
	['a doc comment on one line', `/** ${wide} */\nconst a = 1;`, [1]],
	['the second line of a block', `/*\n * ${wide}\n */`, [2]],
	['no comment as wide as the limit', `\t${'/'.repeat(COMMENT_COLUMNS - 1)}`, []],
	['no wide line of code after a comment', `/** a */\nconst a = '${wide}';`, []],
	['no wide text that contains two slashes', `const a = 'http://${wide}';`, []],
])('finds %s', (_what, source, lines) => {
	expect(longComments(source)).toEqual(lines);
});

test('no comment of the repository is wider than the limit', () => {
	expect(() =>
		execFileSync(process.execPath, [join(ROOT, 'dev/lint/main.ts')], { encoding: 'utf8' }),
	).not.toThrow();
});
