import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Desk, openDesk } from './support/api.ts';

const AT = ['--deployment', 'shop', '--service', 'web'];
let desk: Desk;
beforeAll(async () => {
	desk = await openDesk();
	for (const name of ['shop', 'other']) await desk.run(['deployments', 'create', name, '--org', 'acme']);
	for (const value of ['first', 'second'])
		await desk.run(['secrets', 'set', 'DATABASE_URL', ...AT, '--value-stdin'], { input: value });
	await desk.run(['secrets', 'set', 'LICENSE', '--org', '--value-stdin'], { input: 'x' });
});
afterAll(() => desk?.[Symbol.asyncDispose]());

const json = async (args: readonly string[]): Promise<Record<string, unknown>[]> => {
	const { stdout, stderr, code } = await desk.run([...args, '--output', 'json']);
	expect([code, stderr]).toEqual([0, '']);
	return JSON.parse(stdout) as Record<string, unknown>[];
};

test('a deleted secret is found, its versions are listed, and it is undeleted', async () => {
	expect((await desk.run(['secrets', 'delete', 'DATABASE_URL', ...AT, '--yes'])).code).toBe(0);
	expect(await json(['secrets', 'search', '--deleted'])).toMatchObject([{ key: 'DATABASE_URL' }]);
	const versions = await desk.run(['secrets', 'versions', 'DATABASE_URL', ...AT]);
	expect(versions.stdout).toMatch(/^VERSION +CREATED +STATE +BY\n1 .*\n2 .* deleted\n$/);
	const undeleted = await desk.run(['secrets', 'undelete', 'DATABASE_URL', ...AT]);
	expect([undeleted.code, undeleted.stdout]).toEqual([
		0,
		'undeleted DATABASE_URL of deployment shop, service web\n',
	]);
	const again = await desk.run(['secrets', 'undelete', 'DATABASE_URL', ...AT]);
	expect([again.code, again.stdout]).toEqual([6, '']);
	expect(again.stderr).toContain('there is no deleted secret DATABASE_URL');
});

test('tags and description change without the value, and are found', async () => {
	const described = await desk.run([
		...['secrets', 'describe', 'DATABASE_URL', ...AT, '--tag', 'db', '--tag', 'team:web'],
		...['--description', 'the orders'],
	]);
	expect([described.code, described.stderr]).toEqual([0, '']);
	const shown = await desk.run(['secrets', 'show', 'DATABASE_URL', ...AT]);
	expect(shown.stdout).toMatch(/tags +db, team:web\n/);
	expect(shown.stdout).toMatch(/version +2\n/);
	for (const condition of [['orders'], ['--tag', 'db'], ['--type', 'generic', 'DATABASE']])
		expect(await json(['secrets', 'search', ...condition])).toMatchObject([{ key: 'DATABASE_URL' }]);
	expect(await json(['secrets', 'search', '--tag', 'none'])).toEqual([]);
	await desk.run(['secrets', 'describe', 'DATABASE_URL', ...AT, '--no-tags']);
	expect(await json(['secrets', 'search', '--tag', 'db'])).toEqual([]);
	const nothing = await desk.run(['secrets', 'describe', 'DATABASE_URL', ...AT]);
	expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('name a change')]);
});

test('a restore needs the Reveal program, and a version that is a number', async () => {
	const restored = await desk.run(['secrets', 'restore', 'DATABASE_URL', '1', ...AT]);
	expect(restored.code).not.toBe(0);
	expect(restored.stderr).toContain('Reveal program');
	expect((await desk.run(['secrets', 'restore', 'DATABASE_URL', 'last', ...AT])).code).toBe(2);
});

test('a destruction needs the key once more, and a person', async () => {
	const unsure = await desk.run(['secrets', 'destroy', 'DATABASE_URL', ...AT]);
	expect([unsure.code, unsure.stderr]).toEqual([2, expect.stringContaining('--confirm DATABASE_URL')]);
	const destroy = ['secrets', 'destroy', 'DATABASE_URL', ...AT, '--confirm', 'DATABASE_URL'];
	const unasked = await desk.run(destroy);
	expect([unasked.code, unasked.stdout]).toEqual([2, '']);
	expect(unasked.stderr).toContain('unknown: who receives it: ');
	expect(unasked.stderr).toContain('nothing was destroyed: without a terminal it needs --yes');
	const asKey = await desk.run([...destroy, '--yes']);
	expect(asKey.code).not.toBe(0);
	expect(asKey.stderr).toMatch(/person|scope/);
	expect(await json(['secrets', 'search', 'DATABASE'])).toHaveLength(1);
});

test('what pods get, and what differs between two deployments', async () => {
	const view = await desk.run(['effective', '--deployment', 'shop', '--service', 'web']);
	expect(view.stdout).toMatch(/^KEY +TIER +OVERRIDES +VERSION\nDATABASE_URL +service .*\nLICENSE +org .*\n$/);
	const difference = await desk.run(['diff', 'shop', 'other', '--service', 'web']);
	expect(difference.stdout).toMatch(
		/^KEY +SHOP +OTHER +VALUE\nDATABASE_URL +service\nLICENSE +org +org +the same\n$/,
	);
	const foreign = await desk.run(['effective', '--deployment', 'nobodys']);
	expect(foreign.code).not.toBe(0);
	expect(foreign.stderr).toContain('there is no such deployment, or it is not yours');
});

test('a secret that is not there is told for every command', async () => {
	for (const command of [['show'], ['versions'], ['undelete'], ['describe', '--no-tags']]) {
		const [name = '', ...more] = command;
		const answer = await desk.run(['secrets', name, 'NONE', ...AT, ...more]);
		expect([name, answer.stdout]).toEqual([name, '']);
		expect(answer.stderr).toContain('secret NONE');
	}
});
