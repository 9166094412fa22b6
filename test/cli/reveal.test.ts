/** The commands that need the Reveal program, on a real OpenBao. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWithReveal, type WithReveal } from '../api/support/reveal.ts';
import { envtier } from './support/command.ts';

const VALUE = 'canary\u001b[31m\nline two';
let on: WithReveal;
let env: Record<string, string>;

beforeAll(async () => {
	on = await startWithReveal();
	const owner = await on.session('olga');
	const named = { name: 'shop', org: 'acme' };
	await on.reveal.send('POST', '/api/access', { as: owner.reveal, body: named });
	await on.api.send('POST', '/api/deployments', { as: owner.api, body: named });
	const body = { key: 'TOKEN', value: VALUE, deploymentName: 'shop' };
	expect((await on.api.send('POST', '/api/secrets', { as: owner.api, body })).status).toBe(201);
	env = {
		...{ ENVTIER_API_URL: on.api.url, ENVTIER_API_TOKEN: owner.api },
		...{ ENVTIER_REVEAL_URL: on.reveal.url, ENVTIER_REVEAL_TOKEN: owner.reveal },
	};
});
afterAll(() => on?.[Symbol.asyncDispose]());

const reveal = ['secrets', 'reveal', 'TOKEN', '--deployment', 'shop', '--reason', 'incident 42'];

test('a value goes to a terminal or to a file of its owner, and nowhere else', async () => {
	const piped = await envtier(reveal, { env });
	expect(piped.code).toBe(2);
	expect(piped.stdout + piped.stderr).not.toContain('canary');
	const file = join(on.bao.dir, 'value.txt');
	const written = await envtier([...reveal, '--output-file', file], { env });
	expect([written.code, written.stdout, written.stderr]).toEqual([0, '', '']);
	expect(await readFile(file, 'utf8')).toBe(VALUE);
	expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('without the variables it says what is missing, and the token of the API is not sent', async () => {
	const file = ['--output-file', join(on.bao.dir, 'none.txt')];
	const { ENVTIER_REVEAL_TOKEN: _, ...without } = env;
	const refused = await envtier([...reveal, ...file], { env: without });
	expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('ENVTIER_REVEAL_TOKEN')]);
});

test('a new deployment is registered at the Reveal program, and then at the API', async () => {
	const create = ['deployments', 'create', 'blog', '--org', 'acme'];
	const made = await envtier(create, { env });
	expect([made.code, made.stdout, made.stderr]).toEqual([0, 'created the deployment blog in acme\n', '']);
	expect((await envtier(['deployments', 'members', 'blog'], { env })).stdout).toMatch(/user:olga +manager/);
	const { ENVTIER_REVEAL_TOKEN: _, ...without } = env;
	const refused = await envtier(create, { env: without });
	expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('ENVTIER_REVEAL_TOKEN')]);
	// The name of somebody else is refused by the API, without a word about whose it is.
	const eve = await on.session('eve');
	const asEve = { ...env, ENVTIER_API_TOKEN: eve.api, ENVTIER_REVEAL_TOKEN: eve.reveal };
	expect((await envtier(create, { env: asEve })).code).toBe(7);
});

test('members are changed where the Reveal program is', async () => {
	const members = ['deployments', 'members', 'shop'];
	const added = await envtier([...members, '--add', 'user:bob', '--role', 'viewer'], { env });
	expect([added.code, added.stderr]).toEqual([0, '']);
	const listed = await envtier(members, { env });
	expect(listed.stdout).toMatch(/user:bob +viewer/);
	const changed = await envtier([...members, '--set', 'user:bob', '--role', 'developer'], { env });
	expect(changed.stdout).toMatch(/user:bob +developer/);
	expect((await envtier([...members, '--add', 'user:eve'], { env })).code).toBe(2);
	const offered = await envtier(['deployments', 'transfer', 'shop', '--to', 'user:bob'], { env });
	expect(offered.stdout).toContain('offered to user:bob in acme');
	const ended = await envtier(['deployments', 'transfer', 'shop', '--end'], { env });
	expect([ended.code, ended.stdout]).toEqual([0, 'the offer has ended\n']);
});

test('an admin elevates, sees the value, and ends the elevation', async () => {
	const ada = await on.session('ada', { roles: ['org_admin'] });
	const admin = { ...env, ENVTIER_REVEAL_TOKEN: ada.reveal };
	const file = join(on.bao.dir, 'by-admin.txt');
	expect((await envtier([...reveal, '--output-file', file], { env: admin })).code).toBe(5);
	const started = await envtier(['elevate', '--deployment', 'shop', '--reason', 'incident 42'], {
		env: admin,
	});
	expect(started.stdout).toMatch(/user:ada +active/);
	expect((await envtier([...reveal, '--output-file', file], { env: admin })).code).toBe(0);
	const seen = await envtier(['elevate', '--deployment', 'shop', '--list'], { env });
	expect(seen.stdout).toContain('incident 42');
	expect((await envtier(['elevate', '--deployment', 'shop', '--end'], { env: admin })).code).toBe(0);
	expect((await envtier([...reveal, '--output-file', file], { env: admin })).code).toBe(5);
});

test('a deployment is deleted with its name as confirmation', async () => {
	const remove = (confirm: string) =>
		envtier(['deployments', 'delete', 'shop', '--confirm', confirm], { env });
	expect((await remove('other')).code).toBe(2);
	const removed = await remove('shop');
	expect([removed.code, removed.stdout]).toEqual([0, expect.stringContaining('deleted the deployment shop')]);
});
