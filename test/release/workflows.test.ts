import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { preparePrograms } from '../support/kubernetes/programs.ts';
import { runProcess } from '../support/process.ts';

const FOLDER = join(import.meta.dirname, '../../.github/workflows');
const FILES = readdirSync(FOLDER);
const actionlint = await preparePrograms(['actionlint']);

interface Workflow {
	readonly permissions?: unknown;
	readonly jobs: Readonly<
		Record<string, { readonly steps: readonly { readonly uses?: string; readonly run?: string }[] }>
	>;
}

const workflow = (file: string): Workflow => parse(readFileSync(join(FOLDER, file), 'utf8'));

describe('workflows', () => {
	const lint = (file: string, stdin: string) =>
		runProcess({
			command: actionlint.ok ? actionlint.value.actionlint : '',
			args: ['-no-color', '-shellcheck=', '-pyflakes=', '-stdin-filename', file, '-'],
			input: stdin,
		});

	test.skipIf(!actionlint.ok).each(FILES)('actionlint finds nothing in %s', async (file) => {
		const { code, stdout } = await lint(file, readFileSync(join(FOLDER, file), 'utf8'));
		expect(stdout).toBe('');
		expect(code).toBe(0);
	});

	test.skipIf(!actionlint.ok)('actionlint finds what is wrong', async () => {
		const { code, stdout } = await lint('bad.yaml', 'on: push\njobs: { a: { steps: [{ run: make }] } }\n');
		expect(code).not.toBe(0);
		expect(stdout).toContain('runs-on');
	});

	test.each(FILES)('%s may read the repository and nothing else, unless a job says so', (file) => {
		expect(workflow(file).permissions).toEqual({ contents: 'read' });
	});

	test.each(FILES)('no script of %s takes text of an event into its shell', (file) => {
		const scripts = Object.values(workflow(file).jobs).flatMap(({ steps }) =>
			steps.map(({ run = '' }) => run),
		);
		expect(scripts.filter((script) => script.includes('${{'))).toEqual([]);
	});
});
