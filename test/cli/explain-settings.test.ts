import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ASKS, podOf } from '../webhook/support/pods.ts';
import { envtier } from './support/command.ts';
import { explained, folderForTests, POD } from './support/explain.ts';

const ROOT = join(import.meta.dirname, '../..');

const { file } = folderForTests();

describe('the settings of explain', () => {
	test('placeholders stand in for what nobody set, and a note says so', async () => {
		const { report, stderr } = await explained([podOf()]);
		expect(report.settings).toEqual({
			source: 'environment',
			placeholders: ['ENVTIER_VAULT_ADDR', 'ENVTIER_FETCHER_IMAGE'],
		});
		expect(stderr).toContain('ENVTIER_VAULT_ADDR and ENVTIER_FETCHER_IMAGE not set');
		expect(report.objects[0].pod.spec.initContainers[0].image).toBe('envtier-fetcher:placeholder');
	});

	const given = {
		ENVTIER_VAULT_ADDR: 'https://bao.example:8200',
		ENVTIER_FETCHER_IMAGE: 'fetcher:9',
		ENVTIER_DEFAULT_ORG: 'acme',
	};

	test.each([
		['the environment', {}, given, undefined],
		[
			'a file of lines',
			{},
			{},
			Object.entries(given)
				.map((pair) => pair.join('='))
				.join('\n# a comment\n'),
		],
		[
			'the ConfigMap of a cluster',
			{},
			{},
			stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'envtier-settings' }, data: given }),
		],
	])('come from %s', async (name, _nothing, env, content) => {
		const args =
			content === undefined ? [] : ['--settings', await file(`${name.replaceAll(' ', '-')}.env`, content)];
		const { report, stderr } = await explained([podOf()], args, env);
		expect(stderr).toBe('');
		expect(report.settings.placeholders).toEqual([]);
		expect(report.objects[0].tiers).toEqual(['org', 'deployment', 'service']);
		expect(report.objects[0].pod.spec.initContainers[0].image).toBe('fetcher:9');
	});

	test('come from the file alone where one is given', async () => {
		const settings = await file('only.env', 'ENVTIER_FETCHER_IMAGE=fetcher:9\n');
		const { report } = await explained([podOf()], ['--settings', settings], given);
		expect(report.objects[0].tiers).toEqual(['deployment', 'service']);
	});

	test('the settings that ship are understood', async () => {
		const { report } = await explained(
			[podOf()],
			['--settings', join(ROOT, 'deploy/manifests/base/settings.env')],
		);
		expect(report.settings.placeholders).toEqual([]);
	});

	test.each([
		['a setting that nobody knows', 'ENVTIER_VAULT_ADRESS=https://x:1', 'ENVTIER_VAULT_ADRESS'],
		['a value that is not acceptable', 'ENVTIER_DEADLINE=soon', 'ENVTIER_DEADLINE must be a whole number'],
	])('%s is a wrong usage', async (name, content, sentence) => {
		const settings = await file(`${name.replaceAll(' ', '-')}.env`, content);
		const { code, stdout, stderr } = await envtier(['explain', '-', '--settings', settings], { input: POD });
		expect([code, stdout]).toEqual([2, '']);
		expect(stderr).toContain(sentence);
	});

	const native = podOf({ ...ASKS, env: 'DATABASE_URL' });
	test.each([
		[[], 'inject'],
		[['--kubernetes-version', '1.35'], 'inject'],
		[['--kubernetes-version', 'v1.36.2+k3s1'], 'inject'],
		[['--kubernetes-version', '1.34.1'], 'reject'],
	])('native variables with %j: %s', async (args, decision) => {
		const { report } = await explained([native], args);
		expect(report.objects[0].decision).toBe(decision);
		const assumed = report.objects[0].hints.join().includes('Kubernetes 1.35, which is assumed here');
		expect(assumed).toBe(args.length === 0);
	});
});
