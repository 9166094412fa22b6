import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { podOf, WEB } from '../webhook/support/pods.ts';
import { envtier } from './support/command.ts';
import { folderForTests, POD } from './support/explain.ts';
import { runHere } from './support/world.ts';

const { dir } = folderForTests();

describe('wrong input for explain', () => {
	test.each([
		['no file', [], '', "missing required argument 'file'"],
		['a file that is not there', ['nowhere.yaml'], '', 'nowhere.yaml cannot be read: there is no such file'],
		['a directory', ['.'], '', 'it is a directory'],
		['an unknown option', ['-', '--outptu', 'json'], POD, '--output'],
		['an unknown output', ['-', '-o', 'xml'], POD, 'Allowed choices are diff, json, yaml, patch'],
		['a version that is none', ['-', '--kubernetes-version', 'new'], POD, '--kubernetes-version must be'],
		['nothing', ['-'], '', 'nothing to explain in -: it takes Pod, Deployment'],
		['an object without a kind', ['-'], 'a: 1', 'it has no "kind"'],
		['a scalar', ['-'], '42', 'standard input is not a Kubernetes object'],
		['broken YAML', ['-'], 'a: [1', 'standard input is not YAML'],
		['a key twice', ['-'], 'kind: Pod\nkind: Pod', 'has a key twice in one map: see line'],
		['a workload without a template', ['-'], 'apiVersion: apps/v1\nkind: Deployment', 'has no spec.template'],
		['only other kinds', ['-'], 'apiVersion: v1\nkind: Service', 'only Service'],
	])('%s: exit code 2, and a sentence', async (_name, args, input, sentence) => {
		const { code, stdout, stderr } = await envtier(['explain', ...args], { input, cwd: dir() });
		expect(stderr).toContain(sentence);
		expect([code, stdout]).toEqual([2, '']);
	});

	test('YAML is read as kubectl reads it', async () => {
		const pod = stringify(podOf({ deployment: 'shop', inject: 'false' })).replace('"false"', 'no');
		const { code, stdout } = await runHere(['explain', '-'], pod);
		expect([code, stdout]).toEqual([4, expect.stringContaining('malformed-pod')]);
		const time = { ...podOf(), spec: { containers: [{ ...WEB, args: ['12:30'] }] } };
		const unquoted = stringify(time).replace('"12:30"', '12:30');
		const { stdout: json } = await runHere(['explain', '-', '-o', 'json'], unquoted);
		expect(JSON.parse(json).objects[0].pod.spec.containers[0].args).toEqual(['12:30']);
	});

	test('a bomb of aliases is refused', async () => {
		const levels = Array.from(
			{ length: 12 },
			(_, i) => `l${i}: &l${i} [${i === 0 ? 'x' : Array(12).fill(`*l${i - 1}`)}]`,
		);
		const { code, stderr } = await runHere(['explain', '-'], `kind: Pod\n${levels.join('\n')}`);
		expect([code, stderr]).toEqual([2, expect.stringContaining('alias')]);
	});

	test('whatever comes in, it ends with a documented exit code', async () => {
		const value = fc.letrec((tie) => ({
			node: fc.oneof(
				{ depthSize: 'small', withCrossShrink: true },
				fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)),
				fc.array(tie('node'), { maxLength: 3 }),
				fc.dictionary(
					fc.constantFrom(
						'kind',
						'apiVersion',
						'metadata',
						'annotations',
						'spec',
						'template',
						'items',
						'containers',
						'name',
					),
					tie('node'),
				),
			),
		})).node;
		const object = fc.record(
			{
				apiVersion: fc.constantFrom('v1', 'apps/v1', 'batch/v1'),
				kind: fc.constantFrom('Pod', 'Deployment', 'CronJob', 'List', 'Service'),
				metadata: value,
				spec: value,
				items: value,
			},
			{ requiredKeys: ['kind'] },
		);
		const input = fc.oneof(
			fc.string({ unit: 'binary' }),
			object.map((one) => JSON.stringify(one)),
			value.map((one) => stringify(one)),
		);
		await fc.assert(
			fc.asyncProperty(input, async (text) => {
				const { code, stdout, stderr } = await runHere(['explain', '-'], text);
				expect([0, 2, 3, 4]).toContain(code);
				expect(stdout === '').toBe(code === 2);
				if (code === 2) expect(stderr).toContain('error:');
			}),
			{ numRuns: 500 },
		);
	}, 120_000);
});
