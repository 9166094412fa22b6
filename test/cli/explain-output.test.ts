import { join } from 'node:path';
import process from 'node:process';
import jsonpatch from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { onPath, runProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';
import { ASKS, podOf, prefixed } from '../webhook/support/pods.ts';
import { envtier } from './support/command.ts';
import { folderForTests, PLAIN, POD, REFUSED } from './support/explain.ts';

const ROOT = join(import.meta.dirname, '../..');

const { file } = folderForTests();

describe('the output of explain', () => {
	test('--output patch is the JSON Patch, fit for the pod', async () => {
		const { code, stdout } = await envtier(['explain', '-', '--output', 'patch'], { input: POD });
		expect(code).toBe(0);
		const patched = jsonpatch.applyPatch(podOf(), JSON.parse(stdout), true).newDocument;
		expect(patched.spec?.initContainers?.[0]?.name).toBe('envtier-fetch');
	});

	test('--output patch of a pod that is left alone is empty', async () => {
		const { code, stdout } = await envtier(['explain', '-', '-o', 'patch'], { input: PLAIN });
		expect([code, JSON.parse(stdout)]).toEqual([3, []]);
	});

	test('says which variables that run code are allowed, and what becomes of empty values', async () => {
		const pod = stringify(podOf({ ...ASKS, allow: 'NODE_OPTIONS, PATH', empty: 'skip' }));
		const told = await envtier(['explain', '-'], { input: pod });
		expect([told.code, told.stdout]).toEqual([
			0,
			expect.stringMatching(/^ {2}allows: NODE_OPTIONS, PATH\n {2}empty values: skip$/m),
		]);
		const json = await envtier(['explain', '-', '-o', 'json'], { input: pod });
		expect(JSON.parse(json.stdout).objects[0]).toMatchObject({
			allow: ['NODE_OPTIONS', 'PATH'],
			empty: 'skip',
		});
	});

	test('says which leases the pod gets', async () => {
		const pod = stringify(podOf({ ...ASKS, 'lease.DB': 'database/creds/readonly' }));
		const told = await envtier(['explain', '-'], { input: pod });
		expect(told.stdout).toMatch(/^ {2}leases: DB_\* from database\/creds\/readonly$/m);
		const json = await envtier(['explain', '-', '-o', 'json'], { input: pod });
		const leases = ['DB_* from database/creds/readonly'];
		expect(JSON.parse(json.stdout).objects[0]).toMatchObject({ leases });
	});

	test('says which keys are composed and sealed, and refuses a template with the place of its fault', async () => {
		const asks = { ...ASKS, 'sealed.TOKEN': 'vault:v1:AAAA' };
		const pod = podOf({ ...asks, 'compose.URL': 'https://x/?t=${TOKEN:url}' });
		const told = await envtier(['explain', '-'], { input: stringify(pod) });
		expect([told.code, told.stdout]).toEqual([
			0,
			expect.stringMatching(/^ {2}sealed: TOKEN\n {2}composed: URL$/m),
		]);
		const json = await envtier(['explain', '-', '-o', 'json'], { input: stringify(pod) });
		expect(JSON.parse(json.stdout).objects[0]).toMatchObject({ composed: ['URL'], sealed: ['TOKEN'] });
		const broken = podOf({ ...asks, 'compose.URL': 'https://x/?t=$TOKEN' });
		const refused = await envtier(['explain', '-'], { input: stringify(broken) });
		expect([refused.code, refused.stdout]).toEqual([
			4,
			expect.stringContaining('the "$" at character 14 begins none of them'),
		]);
	});

	test('--output patch of several objects is a wrong usage', async () => {
		const { code, stdout, stderr } = await envtier(['explain', '-', '-o', 'patch'], {
			input: `${POD}---\n${POD}`,
		});
		expect([code, stdout]).toEqual([2, '']);
		expect(stderr).toContain('use --output json');
	});

	test('--output yaml says the same as --output json', async () => {
		const input = [POD, REFUSED, PLAIN].join('---\n');
		const [json, yaml] = await Promise.all([
			envtier(['explain', '-', '-o', 'json'], { input }),
			envtier(['explain', '-', '-o', 'yaml'], { input }),
		]);
		expect(parse(yaml.stdout)).toEqual(JSON.parse(json.stdout));
		expect([json.code, yaml.code]).toEqual([4, 4]);
	});

	test('has no colours in a pipe', async () => {
		const { stdout, stderr } = await envtier(['explain', '-'], { input: POD });
		expect(stdout + stderr).not.toContain('\u001b');
	});

	test('has colours on a terminal, unless NO_COLOR is set', async () => {
		expect(onPath('script'), 'util-linux has it').toBeDefined();
		const pod = await file('colours.yaml', POD);
		const onTerminal = (env: Record<string, string>) =>
			runProcess({
				command: 'script',
				args: ['-qec', `'${process.execPath}' '${join(ROOT, 'cli/main.ts')}' explain '${pod}'`, '/dev/null'],
				env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...env },
			});
		expect((await onTerminal({})).stdout).toContain('\u001b[32m');
		const plain = await onTerminal({ NO_COLOR: '1' });
		expect(plain.stdout).toContain('envtier-fetch');
		expect(plain.stdout).not.toContain('\u001b[3');
	});

	test('repeats nothing that a terminal would obey', async () => {
		const evil = '\u001b]0;owned\u0007\u202e';
		const pod = {
			...podOf(),
			metadata: { name: `web${evil}`, annotations: prefixed({ ...ASKS, [`x${evil}`]: evil }) },
		};
		const { code, stdout, stderr } = await envtier(['explain', '-'], { input: JSON.stringify(pod) });
		expect(code).toBe(4);
		for (const sign of evil.match(/\p{C}/gu) ?? []) expect(stdout + stderr).not.toContain(sign);
	});

	test('folds certificates, which say nothing to a reader', async () => {
		const { certPem: ca } = await makeAuthority();
		const { stdout } = await envtier(['explain', '-'], { input: POD, env: { ENVTIER_VAULT_CA: ca } });
		expect(stdout).toMatch(/-----BEGIN CERTIFICATE-----\n\+ +… \d+ lines of base64 …\n\+ +-----END/);
	});
});
