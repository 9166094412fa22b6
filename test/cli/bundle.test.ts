import { readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleOf } from '../support/bundles.ts';
import { runProcess } from '../support/process.ts';
import { envtier, SOURCES } from './support/command.ts';
import { POD } from './support/explain.ts';

describe('dist/envtier.mjs', () => {
	let bundle: string;
	beforeAll(async () => {
		bundle = await bundleOf('envtier');
	});

	test('can be started by its name, from anywhere', async () => {
		const { code, stdout } = await runProcess({ command: bundle, args: ['--version'], cwd: '/' });
		expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
	});

	test.each([
		[['explain', '-']],
		[['explain', '-', '--output', 'yaml']],
		[['secrets', 'create', '--help']],
		[['vault', 'setup', 'web', '-n', 'shop', '--service-account', 'web', '--org', 'acme']],
		[['doctor', '--kubeconfig', 'nowhere']],
		[['secrets', 'list']],
	])('says what the sources say: %j', async (args) => {
		const [built, source] = await Promise.all([
			envtier(args, { input: POD, program: bundle }),
			envtier(args, { input: POD, program: SOURCES }),
		]);
		expect(built).toEqual(source);
	});

	test('loads nothing of Node’s at its start, and stays small: either makes every call slower', async () => {
		const text = await readFile(bundle, 'utf8');
		expect(text.match(/^import .*$/gm)).toEqual([
			"import { createRequire as __createRequire } from 'node:module';",
		]);
		expect((await stat(bundle)).size).toBeLessThan(1_500_000);
	});
});
