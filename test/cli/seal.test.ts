import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { EXIT_CODES } from '../../cli/exit-codes.ts';
import { parseSealed, sealContext, sealKey } from '../../contract/sealed.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { createToken, mountTransit, must, writePolicy } from '../support/openbao-setup.ts';
import { freePort } from '../support/ports.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { envtier } from './support/command.ts';

const WEB = ['--namespace', 'shop', '--deployment', 'web'];
const PLACE = { namespace: 'shop', deployment: 'web' };

describe('envtier seal', () => {
	let bao: OpenBao;
	let place: Scratch;
	beforeAll(async () => {
		bao = await startOpenBao();
		await mountTransit(bao);
		place = await scratch('seal');
	});
	afterAll(async () => {
		await bao?.stop();
		await place?.remove();
	});

	const seal = (args: readonly string[], input: string, env: Readonly<Record<string, string>> = {}) => {
		const access = { VAULT_ADDR: bao.addr, VAULT_TOKEN: bao.rootToken, VAULT_CACERT: bao.caFile };
		return envtier(['seal', ...args], { input, env: { ...access, ...env } });
	};
	/** What a pod would get. */
	async function opened(text: string, place = PLACE): Promise<string> {
		const parsed = parseSealed(text);
		if (!parsed.ok) throw new Error(parsed.error);
		const { scope, ciphertext } = parsed.value;
		const context = Buffer.from(sealContext(scope, place)).toString('base64');
		const path = `transit/decrypt/${sealKey(scope, place)}`;
		const answer = await must(bao, 'POST', path, { body: { ciphertext, context } });
		return Buffer.from((answer as { data: { plaintext: string } }).data.plaintext, 'base64').toString();
	}

	test('prints the annotation, which opens for that deployment', async () => {
		const { code, stdout, stderr } = await seal(['API_TOKEN', ...WEB], "it's é\n");
		expect([code, stderr]).toEqual([0, '']);
		const annotations = parse(stdout) as Record<string, string>;
		expect(Object.keys(annotations)).toEqual(['envtier.dev/sealed.API_TOKEN']);
		expect(await opened(annotations['envtier.dev/sealed.API_TOKEN'] ?? '')).toBe("it's é");
	});

	test.each([
		{ scope: 'namespace', args: ['--namespace', 'shop'] },
		{ scope: 'cluster', args: [] },
	])('for scope $scope the value says so', async ({ scope, args }) => {
		const { code, stdout } = await seal(['KEY', '--scope', scope, '--output', 'value', ...args], 'x');
		expect(code).toBe(0);
		expect(stdout).toMatch(new RegExp(`^${scope}:vault:v1:`));
		expect(await opened(stdout.trimEnd())).toBe('x');
	});

	test('takes a file byte for byte, and standard input without its last line break', async () => {
		const file = join(place.dir, 'value');
		await writeFile(file, 'two\nlines\n');
		const value = ['--output', 'value'];
		const fromFile = await seal(['KEY', ...WEB, ...value, '--from-file', file], '');
		expect(await opened(fromFile.stdout.trimEnd())).toBe('two\nlines\n');
		const fromPipe = await seal(['KEY', ...WEB, ...value], 'two\nlines\n');
		expect(await opened(fromPipe.stdout.trimEnd())).toBe('two\nlines');
	});

	test('a token that may seal for one namespace seals for no other, and is told what is missing', async () => {
		await writePolicy(
			bao,
			'sealer',
			'path "transit/encrypt/envtier-deployment_shop_*" { capabilities = ["create", "update"] }',
		);
		const token = { VAULT_TOKEN: await createToken(bao, ['sealer']) };
		expect((await seal(['KEY', ...WEB], 'x', token)).code).toBe(0);
		const other = ['KEY', '--namespace', 'blog', '--deployment', 'web'];
		const { code, stderr, stdout } = await seal(other, 'hunter2', token);
		expect([code, stdout]).toEqual([EXIT_CODES.denied.code, '']);
		expect(stderr).toContain(
			'path "transit/encrypt/envtier-deployment_blog_web" { capabilities = ["create", "update"] }',
		);
		expect(stderr).not.toContain('hunter2');
	});

	test.each<[string, readonly string[], string, RegExp]>([
		['no namespace', ['KEY', '--deployment', 'web'], 'x', /scope deployment needs --namespace/],
		['no deployment', ['KEY', '--namespace', 'shop'], 'x', /scope deployment needs --deployment/],
		[
			'a deployment that would not matter',
			['KEY', ...WEB, '--scope', 'namespace'],
			'x',
			/opens whatever the deployment is: leave --deployment out/,
		],
		['a key that is none', ['my.key', ...WEB], 'x', /the key must be letters, digits and "_"/],
		['a climb', ['KEY', '--namespace', '../x', '--deployment', 'web'], 'x', /--namespace must be lower-case/],
		['a climb in the mount', ['KEY', ...WEB, '--transit', '../sys'], 'x', /--transit must be a path/],
		['nothing to seal', ['KEY', ...WEB], '', /the value is empty/],
		['a NUL', ['KEY', ...WEB], 'a\0b', /holds a NUL character/],
		[
			'a value as an argument',
			['KEY', ...WEB, '--value', 'hunter2'],
			'',
			/there is no --value: it would stay/,
		],
		[
			'an unknown scope',
			['KEY', '--scope', 'world'],
			'x',
			/Allowed choices are deployment, namespace, cluster/,
		],
	])('%s is wrong usage, and nothing is sealed', async (_, args, input, words) => {
		const { code, stderr, stdout } = await seal(args, input);
		expect([code, stdout]).toEqual([EXIT_CODES.usage.code, '']);
		expect(stderr).toMatch(words);
		expect(stderr).not.toContain('hunter2');
	});

	test('without a token, an engine or a Vault it says which', async () => {
		const tokenless = await seal(['KEY', ...WEB], 'x', { VAULT_TOKEN: '' });
		expect([tokenless.code, tokenless.stderr]).toEqual([
			EXIT_CODES.usage.code,
			expect.stringContaining('sealing needs the token of someone who may seal'),
		]);
		const engineless = await seal(['KEY', ...WEB, '--transit', 'nowhere'], 'x');
		expect([engineless.code, engineless.stderr]).toEqual([
			EXIT_CODES.failed.code,
			expect.stringContaining('setup.sh sealing mounts it'),
		]);
		const nobody = { VAULT_ADDR: `https://127.0.0.1:${await freePort()}` };
		expect((await seal(['KEY', ...WEB], 'x', nobody)).code).toBe(EXIT_CODES.unavailable.code);
	});

	test('help teaches what is to be done before and after', async () => {
		const { code, stdout } = await envtier(['seal', '--help']);
		expect(code).toBe(0);
		for (const words of ['envtier.dev/sealed.', 'setup.sh sealing', 'never an argument', '| envtier seal'])
			expect(stdout).toContain(words);
	});
});
