import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lexer, type Tokens } from 'marked';
import { describe, expect, test } from 'vitest';
import { pageOf, ROOT, sectionUnder } from './support/pages.ts';

const HEADINGS = ['One annotation, from request to patch', 'One secret, from Vault to file'];

/** A file of a walk, and the first function or table that its line names. */
interface Step {
	readonly file: string;
	readonly name: string;
}

/** The steps below a heading of CONTRIBUTING.md, in order. */
function stepsUnder(heading: string): readonly Step[] {
	const list = lexer(sectionUnder(pageOf('CONTRIBUTING.md').text, heading) ?? '').find(
		(token): token is Tokens.List => token.type === 'list' && token['ordered'] === true,
	);
	return (list?.items ?? []).map(({ text }) => {
		const [file = '', name = ''] = [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
		return { file, name };
	});
}

/** The files of this repository that a file imports. */
function importsOf(file: string): readonly string[] {
	const text = readFileSync(join(ROOT, file), 'utf8');
	return [...text.matchAll(/from '(\.[^']+)'/g)].map(([, to = '']) => join(dirname(file), to));
}

describe.each(HEADINGS)('the walk “%s” in CONTRIBUTING.md', (heading) => {
	const steps = stepsUnder(heading);

	test('has at most 8 files', () => {
		expect(steps.length).toBeGreaterThan(2);
		expect(steps.length).toBeLessThanOrEqual(8);
	});

	test.each(steps)('$file exists and exports $name', ({ file, name }) => {
		expect(existsSync(join(ROOT, file))).toBe(true);
		const text = readFileSync(join(ROOT, file), 'utf8');
		expect(text).toMatch(new RegExp(`^export (async )?(function|const) ${name}\\b`, 'm'));
	});

	test('each file imports an earlier one, or an earlier one imports it', () => {
		const files = steps.map(({ file }) => file);
		const unconnected = files.filter((file, i) => {
			const earlier = files.slice(0, i);
			const isImported = earlier.some((one) => importsOf(one).includes(file));
			return i > 0 && !isImported && !importsOf(file).some((one) => earlier.includes(one));
		});
		expect(unconnected).toEqual([]);
	});
});
