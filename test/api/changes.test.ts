/** Many changes at once: all of them, or none. On memory and on a real OpenBao. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const alice = caller('user:alice');
const dora = caller('user:dora', { roles: [] });

interface Cell {
	readonly key: string;
	readonly column: number;
	readonly state: string;
	readonly id: string;
	readonly version: number;
	readonly by: string;
	readonly tags?: readonly string[];
}

describe.each(Object.entries(STORES).filter(([name]) => !name.includes('namespace')))(
	'%s',
	(_name, start) => {
		let on: OnStore;
		let count = 0;
		beforeAll(async () => {
			on = await start({ callers: [alice, dora] });
		});
		afterAll(() => on?.[Symbol.asyncDispose]());

		const post = (path: string, body: object, as = alice) => on.api.send('POST', path, { as, body });
		/** A deployment of its own for a test, so that tests may run in any order. */
		async function deployment(): Promise<string> {
			count += 1;
			const name = `shop-${count}`;
			expect((await post('/api/deployments', { name, org: 'acme' })).status).toBe(201);
			return name;
		}
		const save = (name: string, changes: readonly object[], as = alice) =>
			post('/api/changes', { deployment: name, changes }, as);
		async function cellsOf(name: string): Promise<readonly Cell[]> {
			const grid = await on.api.send('GET', `/api/deployments/${name}/grid`, { as: alice });
			expect(grid.status, grid.text).toBe(200);
			return (grid.json as { cells: readonly Cell[] }).cells.filter(({ column }) => column > 0);
		}
		async function cellOf(name: string, key: string): Promise<Cell> {
			const found = (await cellsOf(name)).find((cell) => cell.key === key);
			if (found === undefined) throw new Error(`there is no ${key}`);
			return found;
		}
		const create = (key: string, extra: object = {}) => ({
			change: 'create',
			tier: 'deployment',
			key,
			value: 'v',
			...extra,
		});

		test('creates, changes, describes and deletes in one call', async () => {
			const name = await deployment();
			await save(name, [create('A'), create('B'), create('C')]);
			const [a, b, c] = await Promise.all(['A', 'B', 'C'].map((key) => cellOf(name, key)));
			const saved = await save(name, [
				{ change: 'update', id: a?.id, version: 1, value: 'w', tags: ['one'] },
				{ change: 'delete', id: b?.id, version: 1 },
				{ change: 'describe', id: c?.id, tags: ['two'] },
				create('D', { tier: 'service', service: 'web' }),
			]);
			expect(saved).toMatchObject({ status: 200, json: { status: 'saved', changes: 4 } });
			expect(await cellsOf(name)).toMatchObject([
				{ key: 'A', version: 2, state: 'live', tags: ['one'], by: 'user:alice' },
				{ key: 'B', version: 1, state: 'deleted', by: 'user:alice' },
				{ key: 'C', version: 1, state: 'live', tags: ['two'] },
				{ key: 'D', version: 1, column: 2 },
			]);
		});

		test('saves nothing when one of the changes is not possible, and says which and why', async () => {
			const name = await deployment();
			await save(name, [create('A'), create('B')]);
			const [a, b] = [await cellOf(name, 'A'), await cellOf(name, 'B')];
			// Somebody else is faster.
			await save(name, [{ change: 'update', id: a.id, version: 1, value: 'faster' }]);
			const answer = await save(name, [
				create('NEW'),
				{ change: 'update', id: a.id, version: 1, value: 'late' },
				{ change: 'update', id: b.id, version: 1, value: 'w' },
				create('B'),
			]);
			expect(answer).toMatchObject({
				status: 409,
				json: {
					error: expect.stringContaining('nothing is saved'),
					cells: [
						{ index: 1, conflict: true, message: 'user:alice has written version 2 of A meanwhile' },
						{ index: 3, conflict: true, message: expect.stringContaining('exists') },
					],
				},
			});
			expect(answer.text).not.toContain('late');
			expect(await cellsOf(name)).toMatchObject([
				{ key: 'A', version: 2 },
				{ key: 'B', version: 1 },
			]);
		});

		test('of two callers who change the same version at the same time, one succeeds', async () => {
			const name = await deployment();
			await save(name, [create('A')]);
			const { id } = await cellOf(name, 'A');
			const change = { change: 'update', id, version: 1, value: 'w' };
			const answers = await Promise.all([
				save(name, [change, create('X')]),
				save(name, [change, create('Y')]),
			]);
			expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
			const keys = (await cellsOf(name)).filter(({ state }) => state === 'live').map(({ key }) => key);
			// What the slower one had created is taken back.
			expect(keys).toHaveLength(2);
			expect((await cellOf(name, 'A')).version).toBe(2);
		});

		test.each([
			[
				'a secret of another deployment',
				404,
				(other: Cell) => [{ change: 'delete', id: other.id, version: 1 }],
			],
			['the same secret twice', 400, () => [create('A'), create('A')]],
			['a service beside another tier', 400, () => [create('A', { service: 'web' })]],
			['no changes', 400, () => []],
			['501 changes', 400, () => Array.from({ length: 501 }, (_, i) => create(`K${i}`))],
			['a key that runs code', 409, () => [create('NODE_OPTIONS')]],
		] as const)('refuses %s', async (_what, status, changes) => {
			const [name, other] = [await deployment(), await deployment()];
			await save(other, [create('A')]);
			const answer = await save(name, changes(await cellOf(other, 'A')));
			expect(answer.status, answer.text).toBe(status);
			expect(await cellsOf(name)).toEqual([]);
		});

		test('changing the organization needs a role there, and another deployment is refused', async () => {
			const name = await deployment();
			expect((await save(name, [create('A')], dora)).status).toBe(403);
			const own = `${name}-of-dora`;
			expect((await post('/api/deployments', { name: own, org: 'acme' }, dora)).status).toBe(201);
			const both = [create('A'), create('SHARED', { tier: 'org' })];
			expect((await save(own, both, dora)).status).toBe(403);
			expect(await cellsOf(own)).toEqual([]);
			expect((await save(own, both)).status).toBe(200);
			const grid = await on.api.send('GET', `/api/deployments/${own}/grid?key=SHARED`, { as: dora });
			// Members see that the key is there, and no more of it.
			expect(grid.json).toMatchObject({ managesOrg: false, cells: [{ key: 'SHARED', column: 0, by: '' }] });
			expect(grid.text).not.toContain('"id"');
		});

		test('each change has its own audit lines', async () => {
			const name = await deployment();
			await save(name, [create('A'), create('B')]);
			const lines = on.api.audit().filter(({ scope }) => scope === `deployments/${name}/secrets`);
			const actions = lines.map(({ action, key }) => `${action} ${key}`).sort();
			expect(actions).toEqual(['changes.save A', 'changes.save B', 'secrets.create A', 'secrets.create B']);
		});
	},
);
