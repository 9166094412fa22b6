import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SECRET_TYPE_NAMES } from '../../contract/secret-types.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { type Desk, openDesk } from './support/api.ts';
import { envtier } from './support/command.ts';

const CANARY = 'canary-77ab-a-value';
const AT = ['--deployment', 'shop'];

describe('envtier secrets … --type', () => {
	let desk: Desk;
	let place: Scratch;
	beforeAll(async () => {
		place = await scratch('cli-typed');
		desk = await openDesk();
		for (const name of ['shop', 'other']) await desk.run(['deployments', 'create', name, '--org', 'acme']);
	});
	afterAll(async () => {
		await desk?.[Symbol.asyncDispose]();
		await place?.remove();
	});

	const list = async (): Promise<readonly { key: string; type: string; name: string }[]> => {
		const { stdout, stderr } = await desk.run(['secrets', 'list', ...AT, '--output', 'json']);
		expect(stderr).toBe('');
		return JSON.parse(stdout);
	};

	test('a user name comes as an argument, the password is generated; both change and go together', async () => {
		const name = ['DB', '--type', 'userpass', ...AT];
		const options = ['--field', 'username=shop', '--generate', 'length=40', '--generate', 'charset=hex'];
		const created = await desk.run(['secrets', 'create', ...name, ...options]);
		expect([created.code, created.stderr, created.stdout]).toEqual([
			0,
			'',
			'created DB_USERNAME in deployment shop\ncreated DB_PASSWORD in deployment shop\n',
		]);
		const again = await desk.run(['secrets', 'create', ...name, ...options]);
		expect([again.code, again.stderr]).toEqual([7, expect.stringContaining('nothing was created')]);
		const changed = await desk.run(['secrets', 'set', ...name, '--generate', '--output', 'json']);
		expect(changed.stderr).toBe('');
		expect(JSON.parse(changed.stdout)).toEqual([
			{ id: expect.any(String), key: 'DB_PASSWORD', status: 'updated' },
			{ id: expect.any(String), key: 'DB_USERNAME', status: 'updated' },
		]);
		const table = await desk.run(['secrets', 'list', ...AT]);
		expect(table.stdout).toMatch(/^KEY +TYPE +BELONGS TO +DESCRIPTION\nDB_PASSWORD +userpass DB +shop\n/);
		const alone = await desk.run(['secrets', 'set', 'DB_PASSWORD', ...AT, '--value-stdin'], {
			input: CANARY,
		});
		expect([alone.code, alone.stderr]).toEqual([7, expect.stringContaining('changes only as a whole')]);
		const gone = await desk.run(['secrets', 'delete', 'DB_USERNAME', ...AT, '--yes']);
		expect([gone.code, gone.stdout]).toEqual([
			0,
			'deleted DB_PASSWORD of deployment shop\ndeleted DB_USERNAME of deployment shop\n',
		]);
		expect(await list()).toEqual([]);
	});

	test('set creates what does not exist', async () => {
		const set = ['secrets', 'set', 'GIT', '--type', 'ssh', ...AT, '--description', 'deploys'];
		expect((await desk.run(set)).stdout).toContain('created GIT_PRIVATE_KEY in deployment shop\n');
		expect((await desk.run([...set, '--generate', 'comment=shop 1'])).stdout).toContain(
			'updated GIT_PUBLIC_KEY',
		);
		// Without --generate a new value does not replace the old one by accident.
		const nothing = await desk.run(set);
		expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('generate')]);
		expect((await desk.run(['secrets', 'delete', 'GIT_PRIVATE_KEY', ...AT, '--yes'])).code).toBe(0);
	});

	test('secret fields come from standard input and from files, byte for byte', async () => {
		const file = join(place.dir, 'id');
		await writeFile(file, '00000000-0000-4000-8000-000000000002');
		const create = ['secrets', 'create', '--type', 'azure', ...AT, '--field', 'tenantId=shop.example'];
		const from = ['--field-from-file', `clientId=${file}`, '--field-stdin', 'clientSecret'];
		const made = await desk.run([...create, ...from], { input: `${CANARY}\n` });
		expect([made.code, made.stderr]).toEqual([0, '']);
		expect((await list()).map(({ key }) => key)).toEqual([
			'AZURE_CLIENT_ID',
			'AZURE_CLIENT_SECRET',
			'AZURE_TENANT_ID',
		]);
		await desk.run(['secrets', 'delete', 'AZURE_CLIENT_ID', ...AT, '--yes']);
	});

	test('lists and flags become what the API takes', async () => {
		const tls = [
			'WEB',
			'--type',
			'tls',
			'--generate',
			'hosts=web.shop.svc, 10.0.0.7',
			'--generate',
			'days=3',
		];
		expect((await desk.run(['secrets', 'create', ...tls, ...AT])).code).toBe(0);
		const user = ['U', '--type', 'userpass', '--field', 'username=u', '--field', 'htpasswd=true'];
		expect((await desk.run(['secrets', 'create', ...user, ...AT])).code).toBe(0);
		expect((await list()).map(({ key }) => key)).toContain('U_HTPASSWD');
		await desk.run(['secrets', 'delete', 'WEB_CA_CERT', 'U_USERNAME', ...AT, '--yes']);
		expect(await list()).toEqual([]);
	});

	test.each<[string, readonly string[], string]>([
		[
			'a password as an argument',
			['DB', '--type', 'userpass', '--field', `password=${CANARY}`],
			'list of processes',
		],
		[
			'an unknown field',
			['DB', '--type', 'userpass', '--field', 'user=x'],
			'its fields: username, password, htpasswd',
		],
		['a field without its value', ['DB', '--type', 'userpass', '--field', 'username'], 'needs "="'],
		[
			'a field twice',
			['DB', '--type', 'userpass', '--field', 'username=a', '--field', 'username=b'],
			'twice',
		],
		['a flag that is none', ['DB', '--type', 'userpass', '--field', 'htpasswd=yes'], 'must be true or false'],
		['a length that is no number', ['P', '--type', 'password', '--generate', 'length=ten'], 'a whole number'],
		[
			'an unknown option',
			['P', '--type', 'password', '--generate', 'size=1'],
			'for password: length, charset',
		],
		['a type that is not generated', ['--type', 'aws', '--generate'], 'aws cannot be generated'],
		['no name', ['--type', 'ssh'], 'ssh needs a name'],
		['a name that is none', ['a-b', '--type', 'ssh'], 'ssh needs a name'],
		['a type that is none', ['A', '--type', 'oracle'], 'Allowed choices are password'],
		['fields without a type', ['A', '--field', 'x=y'], 'need --type'],
		['a value beside the type', ['A', '--type', 'ssh', '--value-stdin'], '--field-stdin'],
		[
			'a file that is not there',
			['A', '--type', 'kubeconfig', '--field-from-file', 'kubeconfig=/no'],
			'no such file',
		],
		[
			'two fields from standard input',
			['--type', 'aws', '--field-stdin', 'secretAccessKey', '--field-from-file', 'accessKeyId=-'],
			'only one field',
		],
	])('%s is refused as wrong usage, and nothing is sent', async (_what, args, message) => {
		const calls = desk.api.audit().length;
		const { code, stderr, stdout } = await desk.run(['secrets', 'create', ...args, ...AT]);
		expect([code, stdout]).toEqual([2, '']);
		expect(stderr).toContain(message);
		expect(stderr).not.toContain(CANARY);
		expect(desk.api.audit()).toHaveLength(calls);
	});

	test('after a lost answer it prints the key for the repetition, which repeats nothing', async () => {
		const create = ['secrets', 'create', 'LOST', '--type', 'password', ...AT];
		desk.setFault((method) => (method === 'POST' ? 'lost-answer' : 'pass'));
		const lost = await desk.run(create);
		desk.setFault(() => 'pass');
		expect(lost.code).toBe(8);
		const [, key = ''] = /--idempotency-key (\S+)/.exec(lost.stderr) ?? [];
		expect((await desk.run(create)).code).toBe(7);
		const again = await desk.run([...create, '--idempotency-key', key]);
		expect([again.code, again.stdout]).toEqual([0, 'created LOST in deployment shop\n']);
		await desk.run(['secrets', 'delete', 'LOST', ...AT, '--yes']);
	});

	test('an incomplete secret is a warning wherever its keys are shown', async () => {
		await using vault = await openDesk('vault (a real OpenBao, the shipped policy)');
		await vault.run(['deployments', 'create', 'shop', '--org', 'acme']);
		await vault.run(['secrets', 'create', 'GIT', '--type', 'ssh', ...AT]);
		const path = 'secret/data/deployments/shop/secrets/GIT_PUBLIC_KEY';
		await vault.bao?.request('POST', path, { body: { data: { value: 'x' } } });
		const listed = await vault.run(['secrets', 'list', ...AT]);
		expect(listed.stderr).toBe('warning: ssh GIT: only 1 of 2 keys are of the last change; repeat it\n');
		for (const command of [
			['secrets', 'show', 'GIT_PRIVATE_KEY', ...AT],
			['effective', ...AT],
		]) {
			const { stderr } = await vault.run(command);
			expect(stderr).toContain('of GIT_PRIVATE_KEY: only 1 of 2 keys are of the last change; repeat it\n');
		}
		const set = ['secrets', 'set', 'GIT', '--type', 'ssh', '--generate', ...AT];
		expect((await vault.run(set)).code).toBe(0);
		expect((await vault.run(['secrets', 'list', ...AT])).stderr).toBe('');
	});
});

describe('envtier secrets types', () => {
	test('lists all types, and shows each of them, without an API', async () => {
		const all = await envtier(['secrets', 'types']);
		expect([all.code, all.stderr]).toEqual([0, '']);
		for (const type of SECRET_TYPE_NAMES) {
			expect(all.stdout).toMatch(new RegExp(`^${type} `, 'm'));
			expect((await envtier(['secrets', 'types', type])).stdout).toContain('OPTION');
		}
		const tls = await envtier(['secrets', 'types', 'tls']);
		expect(tls.stdout).toMatch(/^NAME_CLIENT_KEY +file +optional$/m);
		expect(tls.stdout).toMatch(/^--generate +days +validity/m);
		expect(tls.stdout).toMatch(/^--field-stdin, --field-from-file +serverKey /m);
		const json = await envtier(['secrets', 'types', '--output', 'json']);
		expect(Object.keys(JSON.parse(json.stdout))).toEqual(SECRET_TYPE_NAMES);
		expect((await envtier(['secrets', 'types', 'oracle'])).code).toBe(2);
	});

	test('docs/api.md has a row for each type with its fields and options', async () => {
		const page = await readFile(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
		for (const type of SECRET_TYPE_NAMES) {
			const row = new RegExp(`^\\| \`${type}\` .*$`, 'm').exec(page)?.[0];
			expect(row, type).toBeDefined();
			const json = JSON.parse((await envtier(['secrets', 'types', type, '--output', 'json'])).stdout);
			if (type === 'generic' || type === 'userpass') continue;
			for (const name of [...Object.keys(json.fields), ...Object.keys(json.generate ?? {})])
				expect(row, `${type} ${name}`).toContain(`\`${name}\``);
		}
	});
});
