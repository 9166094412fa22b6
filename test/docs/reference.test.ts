import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { API_VARIABLES } from '../../api/settings/variables.ts';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { FORMAT_PATHS } from '../../contract/formats.ts';
import { TIERS } from '../../contract/tiers.ts';
import { VARIABLES } from '../../contract/variables.ts';
import { prose, table } from '../../dev/docs/markdown.ts';
import { referencePage } from '../../dev/docs/reference.ts';
import { REJECT_REASONS, SKIP_REASONS } from '../../webhook/admission/reasons.ts';
import { ANNOTATIONS } from '../../webhook/annotations/annotations.ts';
import { ROOT } from './support/pages.ts';

const page = readFileSync(join(ROOT, 'docs/reference.md'), 'utf8');

describe('the reference', () => {
	test('is what `make docs` makes of the tables in the code', () => expect(page).toBe(referencePage()));

	test.for([
		['annotation', Object.keys(ANNOTATIONS).map((name) => `| \`envtier.dev/${name}\` |`)],
		['setting', Object.keys(VARIABLES).map((name) => `| \`${name}\` |`)],
		['setting of the secrets API', Object.keys(API_VARIABLES).map((name) => `| \`${name}\` |`)],
		['exit code', Object.entries(EXIT_CODES).map(([name, { code }]) => `| ${code} | \`${name}\` |`)],
		['reason for a refusal', Object.keys(REJECT_REASONS).map((name) => `| [\`${name}\`](`)],
		['reason for leaving a pod alone', Object.keys(SKIP_REASONS).map((name) => `| \`${name}\` |`)],
		['tier', TIERS.map((tier) => `| \`${tier}\` |`)],
		['format', Object.keys(FORMAT_PATHS).map((format) => `| \`${format}\` |`)],
	] as const)('has a row for every %s', ([, rows]) => {
		for (const row of rows) expect(page.split(`\n${row} `.replaceAll('( ', '(')).length, row).toBe(2);
	});

	test('has no row with another number of cells than its table has', () => {
		const cells = (line: string) => line.replaceAll('\\|', '').split('|').length;
		for (const block of page.split('\n\n').filter((text) => text.startsWith('| '))) {
			const lines = block.trimEnd().split('\n');
			expect(new Set(lines.map(cells)).size, lines[0]).toBe(1);
		}
	});
});

describe('Markdown', () => {
	test('takes nothing in a sentence for its own', () =>
		expect(prose('a|b <c> *d* _e_ [f]')).toBe('a\\|b \\<c\\> \\*d\\* \\_e\\_ \\[f\\]'));

	test('shows names of variables and annotations as code', () =>
		expect(prose('see ENVTIER_VAULT_CA and envtier.dev/run-as-user, or ENVTIER_*')).toBe(
			'see `ENVTIER_VAULT_CA` and `envtier.dev/run-as-user`, or `ENVTIER_*`',
		));

	test('keeps code spans and links as they are', () =>
		expect(prose('as `{a}_{b}`; [its keys](api.md#a-configuration_file)')).toBe(
			'as `{a}_{b}`; [its keys](api.md#a-configuration_file)',
		));

	test('has tables with a line under their head', () =>
		expect(table(['a', 'b'], [['1', '2']])).toBe('| a | b |\n| --- | --- |\n| 1 | 2 |'));
});
