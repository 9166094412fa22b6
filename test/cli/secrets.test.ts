import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Desk, openDesk } from './support/api.ts';

const CANARY = 'canary-51d0-a-value';

describe('envtier secrets', () => {
	let desk: Desk;
	let dir: string;
	beforeAll(async () => {
		dir = await mkdtemp(join(tmpdir(), 'envtier-cli-'));
		desk = await openDesk();
		for (const name of ['shop', 'bulk', 'other'])
			await desk.run(['deployments', 'create', name, '--org', 'acme']);
	});
	afterAll(async () => {
		await desk?.[Symbol.asyncDispose]();
		await rm(dir, { recursive: true, force: true });
	});

	const file = async (name: string, content: string | Buffer): Promise<string> => {
		const path = join(dir, name);
		await writeFile(path, content);
		return path;
	};
	const keys = async (...scope: readonly string[]): Promise<readonly string[]> => {
		const { stdout, stderr } = await desk.run(['secrets', 'list', ...scope, '--output', 'json']);
		expect(stderr).toBe('');
		return JSON.parse(stdout).map(({ key }: { key: string }) => key);
	};

	test('a key that runs code needs --force, alone and in a file', async () => {
		const at = ['--deployment', 'other', '--service', 'risky'];
		const input = { input: CANARY };
		const refused = await desk.run(['secrets', 'set', 'LD_PRELOAD', ...at, '--value-stdin'], input);
		expect(refused.code).toBe(2);
		expect(refused.stderr).toContain('LD_PRELOAD makes the dynamic loader load other libraries');
		expect(refused.stderr).toContain('--force');
		const forced = await desk.run(['secrets', 'set', 'LD_PRELOAD', ...at, '--force', '--value-stdin'], input);
		expect([forced.code, forced.stdout]).toEqual([
			0,
			'created LD_PRELOAD in deployment other, service risky\n',
		]);
		const changed = await desk.run(['secrets', 'set', 'LD_PRELOAD', ...at, '--value-stdin'], input);
		expect(changed.code).toBe(0);
		const many = await file('risky.env', 'PLAIN=x\nNODE_OPTIONS=y\n');
		const create = ['secrets', 'create', '--from-env-file', many, ...at];
		const all = await desk.run(create);
		expect(all.code).toBe(2);
		expect(all.stderr).toContain('NODE_OPTIONS: NODE_OPTIONS makes Node.js load modules');
		expect(all.stderr).toContain('nothing was changed');
		expect((await desk.run([...create, '--force'])).code).toBe(0);
		const made = ['LD_PRELOAD', 'NODE_OPTIONS', 'PLAIN'];
		expect((await desk.run(['secrets', 'delete', ...made, ...at, '--yes'])).code).toBe(0);
	});

	test('a secret goes in by standard input, shows in lists without its value, changes, and goes', async () => {
		const at = ['--deployment', 'shop', '--service', 'web'];
		const created = await desk.run(
			['secrets', 'create', 'DATABASE_URL', ...at, '--value-stdin', '--description', 'orders'],
			{
				input: `${CANARY}\n`,
			},
		);
		expect([created.code, created.stdout, created.stderr]).toEqual([
			0,
			'created DATABASE_URL in deployment shop, service web\n',
			'',
		]);
		const listed = await desk.run(['secrets', 'list', '--deployment', 'shop']);
		expect(listed.stdout).toBe('KEY           BELONGS TO  DESCRIPTION\nDATABASE_URL  shop/web    orders\n');
		const set = await desk.run(['secrets', 'set', 'DATABASE_URL', ...at, '--value-stdin'], {
			input: 'another',
		});
		expect([set.code, set.stdout]).toEqual([0, 'updated DATABASE_URL in deployment shop, service web\n']);
		const fresh = await desk.run(['secrets', 'set', 'LOG_LEVEL', ...at, '--value-stdin'], { input: 'info' });
		expect(fresh.stdout).toBe('created LOG_LEVEL in deployment shop, service web\n');
		const deleted = await desk.run(['secrets', 'delete', 'DATABASE_URL', 'LOG_LEVEL', ...at]);
		expect([deleted.code, deleted.stdout.split('\n').length]).toEqual([0, 3]);
		expect(await keys('--deployment', 'shop')).toEqual([]);
		expect(desk.api.output()).not.toContain(CANARY);
	});

	test('programs get a list of what became of each secret, whatever the command', async () => {
		const at = ['-d', 'other', '-o', 'json'];
		const told = async (args: readonly string[], input = '') => {
			const { code, stdout, stderr } = await desk.run(['secrets', ...args, ...at], { input });
			expect([code, stderr]).toEqual([0, '']);
			expect(stdout).not.toContain(CANARY);
			return JSON.parse(stdout) as { id: string; key: string; status: string }[];
		};
		const created = await told(['create', 'A', '--value-stdin'], CANARY);
		expect(created).toEqual([{ id: expect.stringMatching(/^s\d_/), key: 'A', status: 'created' }]);
		const [{ id } = { id: '' }] = created;
		expect(await told(['set', 'A', '--value-stdin'], CANARY)).toEqual([{ id, key: 'A', status: 'updated' }]);
		const [fresh] = await told(['set', 'B', '--value-stdin'], CANARY);
		expect(fresh).toMatchObject({ key: 'B', status: 'created' });
		const set = await told(['set', '--from-env-file', '-'], `C=${CANARY}\nA=${CANARY}\nD=${CANARY}\n`);
		const keysAndStatus = (changes: typeof set) => changes.map(({ key, status }) => `${key} ${status}`);
		expect(keysAndStatus(set)).toEqual(['C created', 'D created', 'A updated']);
		const many = await told(['create', '--from-env-file', '-'], `F=${CANARY}\nE=${CANARY}\n`);
		expect(keysAndStatus(many)).toEqual(['F created', 'E created']);
		const listed = await told(['list']);
		expect(new Set([...created, ...set, ...many].map((one) => one.id)).size).toBe(5);
		for (const one of [...created, ...set, ...many])
			expect(listed.find(({ key }) => key === one.key)?.id).toBe(one.id);
		const deleted = await told(['delete', 'A', 'B', 'C', 'D', 'E', 'F', '--yes']);
		expect(keysAndStatus(deleted)).toEqual(['A', 'B', 'C', 'D', 'E', 'F'].map((key) => `${key} deleted`));
	});

	test('a deletion that fails in the middle tells programs what is gone', async () => {
		const at = ['-d', 'other'];
		await desk.run(['secrets', 'create', '--from-env-file', '-', ...at], { input: 'A=1\nB=2\n' });
		desk.setFault((method, number) => (method === 'DELETE' && number === 2 ? 'error' : 'pass'));
		const { code, stdout } = await desk.run(['secrets', 'delete', 'A', 'B', ...at, '--yes', '-o', 'json']);
		desk.setFault(() => 'pass');
		expect([code, JSON.parse(stdout)]).toMatchObject([8, [{ key: 'A', status: 'deleted' }]]);
		await desk.run(['secrets', 'delete', 'B', ...at, '--yes']);
	});

	test('the organization has secrets of its own, and so have you', async () => {
		expect(
			(await desk.run(['secrets', 'create', 'SMTP_HOST', '--org', '--value-stdin'], { input: 'x' })).code,
		).toBe(0);
		expect((await desk.run(['secrets', 'create', 'MINE', '--value-stdin'], { input: 'x' })).code).toBe(0);
		expect(await keys('--org')).toEqual(['SMTP_HOST']);
		expect(await keys()).toEqual(['MINE']);
		const table = await desk.run(['secrets', 'list', '--org']);
		expect(table.stdout).toContain('SMTP_HOST  organization');
		await desk.run(['secrets', 'delete', 'SMTP_HOST', '--org']);
		await desk.run(['secrets', 'delete', 'MINE']);
		expect([await keys('--org'), await keys()]).toEqual([[], []]);
	});

	test('a value on the command line is refused, and not repeated', async () => {
		const { code, stdout, stderr } = await desk.run(['secrets', 'create', 'K', '--value', CANARY]);
		expect([code, stdout]).toEqual([2, '']);
		expect(stderr).toContain('--value-stdin, --from-file or --from-env-file');
		expect(stderr).not.toContain(CANARY);
		const help = await desk.run(['secrets', 'create', '--help']);
		expect(help.stdout).not.toMatch(/--value\b(?!-)/);
	});

	test.each([
		['no value', ['create', 'K'], '', 'no value is given'],
		['an empty value', ['create', 'K', '--value-stdin'], '\n', 'the value is empty'],
		['a NUL', ['create', 'K', '--value-stdin'], 'a\0b', 'NUL'],
		['no key', ['create', '--value-stdin'], 'x', 'the key is missing'],
		['a key that is none', ['create', 'A-B', '--value-stdin'], 'x', 'key must be'],
		['two owners', ['create', 'K', '--org', '--deployment', 'shop'], '', 'exclude one another'],
		['a service of nothing', ['create', 'K', '--service', 'web'], '', '--service needs --deployment'],
		['a name that climbs', ['list', '--deployment', '..'], '', '--deployment must be lower-case'],
		[
			'two ways to give a value',
			['create', 'K', '--value-stdin', '--from-file', 'x'],
			'',
			'exclude one another',
		],
		['a key and many', ['set', 'K', '--from-env-file', 'x'], '', 'remove the key, value or description'],
		[
			'a file that is not there',
			['create', 'K', '--from-file', 'nowhere'],
			'',
			'nowhere cannot be read: there is no such file',
		],
	])('%s is a wrong usage', async (_sentence, args, input, sentence) => {
		const { code, stdout, stderr } = await desk.run(['secrets', ...args], { input, cwd: dir });
		expect(stderr).toContain(sentence);
		expect([code, stdout]).toEqual([2, '']);
	});

	test('what is not UTF-8 is no value', async () => {
		const { code, stderr } = await desk.run([
			'secrets',
			'create',
			'K',
			'--from-file',
			await file('binary', Buffer.from([0xff, 0xfe])),
		]);
		expect([code, stderr]).toEqual([2, expect.stringContaining('not UTF-8')]);
	});

	test.each([
		[
			'it exists already',
			['create', 'TWICE', '--deployment', 'shop', '--value-stdin'],
			7,
			'`envtier secrets set` gives it another value',
		],
		[
			'nothing of that name to delete',
			['delete', 'TWICE', 'ABSENT', '--deployment', 'shop'],
			6,
			'there is no ABSENT; nothing was deleted',
		],
		[
			'a deployment of somebody else',
			['list', '--deployment', 'no-such'],
			5,
			'there is no such deployment, or it is not yours',
		],
	])('%s', async (_sentence, args, wanted, sentence) => {
		await desk.run(['secrets', 'set', 'TWICE', '--deployment', 'shop', '--value-stdin'], { input: 'x' });
		const { code, stdout, stderr } = await desk.run(['secrets', ...args], { input: 'x' });
		expect(stderr).toContain(sentence);
		expect([code, stdout]).toEqual([wanted, '']);
		expect(await keys('--deployment', 'shop')).toContain('TWICE');
	});

	test('several who set one new key at once all succeed, one of them by creating it', async () => {
		const setters = Array.from({ length: 5 }, (_, i) =>
			desk.run(['secrets', 'set', 'RACED', '-d', 'shop', '--value-stdin'], { input: `value ${i}` }),
		);
		const ended = await Promise.all(setters);
		expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(Array(5).fill([0, '']));
		expect(ended.filter(({ stdout }) => stdout.startsWith('created'))).toHaveLength(1);
	});

	test('a role or a scope that is missing', async () => {
		const { code, stderr } = await desk.run(['secrets', 'list', '--org'], { as: desk.bob });
		expect([code, stderr]).toEqual([5, expect.stringContaining('error:')]);
	});

	describe('--from-env-file', () => {
		const at = ['--deployment', 'bulk'];
		const many = Array.from({ length: 12 }, (_, i) => `KEY_${i}='value ${i}'`).join('\n');
		const clear = async (): Promise<void> => {
			desk.setFault(() => 'pass');
			const there = await keys(...at);
			if (there.length > 0) await desk.run(['secrets', 'delete', ...there, ...at, '--yes']);
		};

		test('creates all of them', async () => {
			await clear();
			const { code, stdout } = await desk.run([
				'secrets',
				'create',
				'--from-env-file',
				await file('many.env', many),
				...at,
			]);
			expect(code).toBe(0);
			expect(stdout).toContain('created KEY_11\n12 created in deployment bulk\n');
			expect(await keys(...at)).toHaveLength(12);
		});

		test('creates none when one exists already, and names it', async () => {
			await clear();
			await desk.run(['secrets', 'create', 'KEY_7', ...at, '--value-stdin'], { input: 'x' });
			const { code, stdout, stderr } = await desk.run(['secrets', 'create', '--from-env-file', '-', ...at], {
				input: many,
			});
			expect([code, stdout]).toEqual([7, '']);
			expect(stderr).toContain('has KEY_7 already; nothing was changed');
			expect(await keys(...at)).toEqual(['KEY_7']);
		});

		test.each([
			['fails', 'error' as const],
			['loses its answer', 'lost-answer' as const],
		])('takes back what it has created when a call %s', async (_sentence, fault) => {
			await clear();
			desk.setFault((method, number) => (method === 'POST' && number === 6 ? fault : 'pass'));
			const { code, stdout, stderr } = await desk.run(['secrets', 'create', '--from-env-file', '-', ...at], {
				input: many,
			});
			desk.setFault(() => 'pass');
			expect([code, stdout]).toEqual([8, '']);
			expect(stderr).toMatch(/KEY_\d+: .*\n.*nothing was changed/);
			expect(await keys(...at)).toEqual([]);
		});

		test('says what it could not take back', async () => {
			await clear();
			desk.setFault((method, number) =>
				method === 'DELETE' || (method === 'POST' && number > 5) ? 'error' : 'pass',
			);
			const { code, stderr } = await desk.run(['secrets', 'create', '--from-env-file', '-', ...at], {
				input: many,
			});
			desk.setFault(() => 'pass');
			expect(code).toBe(8);
			const left = /created, and could not be deleted again: (.*)/.exec(stderr)?.[1]?.split(', ') ?? [];
			expect([...left].sort()).toEqual([...(await keys(...at))].sort());
			expect(left.length).toBeGreaterThan(0);
		});

		test('set updates what is there, creates the rest, and can be run again after a fault', async () => {
			await clear();
			const some = await file('some.env', many.split('\n').slice(0, 8).join('\n'));
			await desk.run(['secrets', 'create', '--from-env-file', some, ...at]);
			desk.setFault((method, number) => (method === 'PUT' && number === 3 ? 'error' : 'pass'));
			const broken = await desk.run(['secrets', 'set', '--from-env-file', '-', ...at], { input: many });
			expect(broken.code).toBe(8);
			expect(broken.stdout).toMatch(/4 created, [2-7] updated in deployment bulk/);
			expect(broken.stderr).toMatch(/[1-6] not updated: run it again/);
			desk.setFault(() => 'pass');
			const again = await desk.run(['secrets', 'set', '--from-env-file', '-', ...at], { input: many });
			expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('0 created, 12 updated')]);
		});

		test('waits when the API is asked too much', async () => {
			await clear();
			desk.setFault((method, number) => (method === 'POST' && number === 2 ? 'busy' : 'pass'));
			const { code, stderr } = await desk.run(['secrets', 'create', '--from-env-file', '-', ...at], {
				input: many,
			});
			expect([code, stderr]).toEqual([0, expect.stringContaining('waiting 1 s')]);
			expect(await keys(...at)).toHaveLength(12);
		});

		test('tells everything that is wrong with the file by line, no value, and changes nothing', async () => {
			await clear();
			const wrong = [
				'GOOD=1',
				'',
				'# comment',
				'NOT-A-KEY=2',
				`just ${CANARY}`,
				'GOOD=3',
				'EMPTY=',
				`OPEN="${CANARY}`,
			].join('\n');
			const { code, stdout, stderr } = await desk.run(['secrets', 'create', '--from-env-file', '-', ...at], {
				input: wrong,
			});
			expect([code, stdout]).toEqual([2, '']);
			for (const line of [
				'line 4: "NOT-A-KEY" is not a key',
				'line 5: it is not KEY=value',
				'line 6: GOOD occurs twice',
				'line 7: EMPTY: the value is empty',
				'line 8: the quote of OPEN is never closed',
				'nothing was changed',
			])
				expect(stderr).toContain(line);
			expect(stderr).not.toContain(CANARY);
			expect(await keys(...at)).toEqual([]);
		});
	});
});

describe('the settings of the API’s commands', () => {
	test.each([
		['no address', { ENVTIER_API_URL: '' }, 'ENVTIER_API_URL is not set'],
		['an address that is none', { ENVTIER_API_URL: 'api' }, 'ENVTIER_API_URL must be an address'],
		['plain HTTP to elsewhere', { ENVTIER_API_URL: 'http://api.example.com' }, 'must start with https://'],
		['no token', { ENVTIER_API_TOKEN: '' }, 'neither ENVTIER_API_TOKEN nor'],
		['two tokens', { ENVTIER_API_TOKEN_FILE: 'x' }, 'both set'],
		['a token of two lines', { ENVTIER_API_TOKEN: 'a\nb' }, 'the token must be one line'],
		[
			'a CA that is none',
			{ ENVTIER_API_CA: '/nowhere/ca.pem' },
			'ENVTIER_API_CA: /nowhere/ca.pem cannot be read',
		],
		['an organization that is none', { ENVTIER_API_ORG: 'A/B' }, 'ENVTIER_API_ORG must be'],
	])('%s is a wrong usage', async (_sentence, env, sentence) => {
		await using desk = await openDesk();
		const { code, stderr } = await desk.run(['secrets', 'list'], { env });
		expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)]);
		expect(stderr).not.toContain(desk.alice.key);
	});

	test('a token can be in a file', async () => {
		await using desk = await openDesk();
		const dir = await mkdtemp(join(tmpdir(), 'envtier-cli-'));
		await writeFile(join(dir, 'token'), `${desk.alice.key}\n`);
		const env = { ENVTIER_API_TOKEN: '', ENVTIER_API_TOKEN_FILE: join(dir, 'token') };
		const { code, stdout } = await desk.run(['secrets', 'list', '-o', 'json'], { env });
		await rm(dir, { recursive: true });
		expect([code, stdout]).toEqual([0, '[]\n']);
	});

	test('a wrong token, and an API that does not answer', async () => {
		await using desk = await openDesk();
		const wrong = await desk.run(['secrets', 'list'], { env: { ENVTIER_API_TOKEN: 'wrong' } });
		expect([wrong.code, wrong.stderr]).toEqual([5, expect.stringContaining('ENVTIER_API_TOKEN')]);
		const away = await desk.run(['secrets', 'list'], { env: { ENVTIER_API_URL: 'http://127.0.0.1:1' } });
		expect([away.code, away.stderr]).toEqual([8, expect.stringContaining('nobody listens there')]);
	});
});
