import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Caller } from '../api/support/api.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { type Desk, openDesk } from './support/api.ts';

const TEMPLATE = `
name: web-shop
services:
  - name: web
    image: registry.example.com/shop/web:1
    secrets:
      - key: DATABASE_URL
        description: where the orders are
      - key: SESSION_KEY
  - name: worker
`;

describe.each(['memory', 'vault (a real OpenBao, the shipped policy)'])(
	'templates and deployments on the store %s',
	(store) => {
		let desk: Desk;
		beforeAll(async () => {
			desk = await openDesk(store);
		});
		afterAll(() => desk?.[Symbol.asyncDispose]());

		test('from a template to a deployment with its secrets, and what is still missing', async () => {
			const created = await desk.run(['templates', 'create', '--file', '-'], { input: TEMPLATE });
			expect([created.code, created.stderr]).toEqual([0, '']);
			expect(created.stdout).toContain('created the template web-shop: 2 services, 2 secrets');
			const given = await desk.run(
				['secrets', 'create', 'DATABASE_URL', '--template', 'web-shop', '--service', 'web', '--value-stdin'],
				{
					input: 'postgres://orders',
				},
			);
			expect([given.code, given.stdout]).toEqual([
				0,
				'created DATABASE_URL in template web-shop, service web\n',
			]);

			const shown = await desk.run(['templates', 'show', 'web-shop']);
			expect(shown.stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
				['SERVICE', 'KEY', 'VALUE', 'DESCRIPTION'],
				['web', 'DATABASE_URL', 'set', 'where the orders are'],
				['web', 'SESSION_KEY', 'missing'],
				[''],
			]);
			const listed = await desk.run(['templates', 'list']);
			expect(listed.stdout).toMatch(/^web-shop +you alone +web, worker +2$/m);
			const shared = await desk.run(['templates', 'share', 'web-shop']);
			expect([shared.code, shared.stdout]).toEqual([0, expect.stringContaining('with acme')]);
			expect((await desk.run(['templates', 'list'], { as: desk.bob })).stdout).toMatch(/^web-shop +acme /m);
			const unshared = await desk.run(['templates', 'unshare', 'web-shop']);
			expect([unshared.code, unshared.stdout]).toEqual([0, expect.stringContaining('yours alone')]);
			expect((await desk.run(['templates', 'show', 'web-shop'], { as: desk.bob })).code).toBe(5);

			const made = await desk.run(['deployments', 'create', 'shop', '--template', 'web-shop']);
			expect([made.code, made.stderr]).toEqual([0, '']);
			expect(made.stdout).toContain('1 secrets copied from the template web-shop');
			expect(made.stdout).toContain('without a value yet: web/SESSION_KEY');
			const secrets = await desk.run(['secrets', 'list', '--deployment', 'shop', '--output', 'json']);
			expect(JSON.parse(secrets.stdout)).toMatchObject([
				{ key: 'DATABASE_URL', deploymentName: 'shop', serviceName: 'web' },
			]);
			const deployments = await desk.run(['deployments', 'list']);
			expect(deployments.stdout).toMatch(/^shop +acme +web-shop +20/m);

			await desk.run(['templates', 'share', 'web-shop']);
			const bobs = await desk.run(['deployments', 'create', 'bobs', '--template', 'web-shop'], {
				as: desk.bob,
			});
			expect(bobs.stdout).toContain('0 secrets copied from the template web-shop');
			expect(bobs.stdout).toContain('without a value yet: web/DATABASE_URL, web/SESSION_KEY');

			const twice = await desk.run(['deployments', 'create', 'shop', '--template', 'web-shop']);
			expect([twice.code, twice.stderr]).toEqual([7, expect.stringContaining('shop')]);
		}, 120_000);

		test('a file of Docker Compose becomes a template: --name names it, other fields are ignored with a warning', async () => {
			const file =
				'version: "3"\nservices:\n  - name: web\n    ports: ["80:80"]\n    secrets:\n      - key: A\n';
			const create = (...more: string[]) =>
				desk.run(['templates', 'create', '-f', '-', ...more], { input: file });
			expect((await create()).stderr).toContain('name is required');
			const { code, stdout, stderr } = await create('--name', 'composed');
			expect([code, stdout]).toEqual([
				0,
				expect.stringContaining('created the template composed: 1 services, 1 secrets'),
			]);
			expect(stderr).toBe(
				'warning: "version" of the template: ignored\nwarning: "ports" of the service web: kept and ignored\n',
			);
			const updated = await desk.run(
				['templates', 'update', '-f', '-', '--name', 'composed', '--output', 'json'],
				{
					input: file,
				},
			);
			expect(JSON.parse(updated.stdout)).toMatchObject({
				name: 'composed',
				warnings: [{}, {}].map(() => expect.any(String)),
			});
		}, 120_000);

		test('a template is changed and deleted, by its owner alone', async () => {
			const name = 'changing';
			const one = { name, services: [{ name: 'web', secrets: [{ key: 'A' }] }] };
			await desk.run(['templates', 'create', '-f', '-'], { input: JSON.stringify(one) });
			const two = { name, services: [{ name: 'web', secrets: [{ key: 'A' }, { key: 'B' }] }] };
			const updated = await desk.run(['templates', 'update', '-f', '-'], { input: JSON.stringify(two) });
			expect([updated.code, updated.stdout]).toEqual([
				0,
				expect.stringContaining('updated the template changing: 1 services, 2 secrets'),
			]);
			const foreign = await desk.run(['templates', 'delete', name, '--yes'], { as: desk.bob });
			expect(foreign.code).toBe(5);
			const deleted = await desk.run(['templates', 'delete', name, '--yes']);
			expect([deleted.code, deleted.stdout]).toEqual([0, 'deleted the template changing and its secrets\n']);
			expect((await desk.run(['templates', 'show', name])).code).toBe(5);
		}, 120_000);

		test('a name below which something lies is created with --adopt by a platform administrator alone', async () => {
			const operator = desk.operator;
			if (desk.bao !== undefined) await putSecret(desk.bao, 'deployments/payments/secrets/A', 'v');
			const create = (more: readonly string[], as: Caller) =>
				desk.run(['deployments', 'create', 'payments', ...more], { as });
			expect((await create(['--adopt'], desk.alice)).code).toBe(5);
			if (desk.bao !== undefined) {
				expect((await create([], desk.alice)).code).toBe(7);
				expect(await create([], operator)).toMatchObject({
					code: 7,
					stderr: expect.stringContaining('--adopt'),
				});
			}
			expect(await create(['--adopt'], operator)).toMatchObject({ code: 0, stderr: '' });
		}, 120_000);

		test.each([
			[
				'no organization',
				['deployments', 'create', 'x'],
				'',
				{ ENVTIER_API_ORG: '' },
				'the organization is missing',
			],
			[
				'a file that is no YAML',
				['templates', 'create', '-f', '-'],
				'a: [',
				{},
				'is not YAML: see line 1, column 5',
			],
			[
				'a template without a name',
				['templates', 'create', '-f', '-'],
				'services: []',
				{},
				'name is required',
			],
			[
				'a field that nobody knows',
				['templates', 'create', '-f', '-'],
				'name: x\nservcies: []',
				{},
				'unknown field "servcies"',
			],
			['no file', ['templates', 'create'], '', {}, "required option '-f, --file <file>' not specified"],
		])('%s is a wrong usage', async (_sentence, args, input, env, sentence) => {
			const { code, stdout, stderr } = await desk.run(args, { input, env });
			expect(stderr).toContain(sentence);
			expect([code, stdout]).toEqual([2, '']);
		});
	},
);
