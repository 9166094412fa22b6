import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiUnderTest, caller } from './support/api.ts';
import { type OnStore, STORES } from './support/both.ts';

const alice = caller('user:alice');

interface Detail {
	readonly version: number;
	readonly state: string;
	readonly rotation: unknown;
}

describe.each(Object.entries(STORES))('rotations, kept in %s', (_store, start) => {
	let on: OnStore;
	let api: ApiUnderTest;
	let count = 0;
	beforeAll(async () => {
		on = await start({ callers: [alice] });
		api = on.api;
		expect((await send('POST', '/api/deployments', { name: 'shop', org: 'acme' })).status).toBe(201);
	});
	afterAll(() => on?.[Symbol.asyncDispose]());

	const send = (method: string, path: string, body?: object) => api.send(method, path, { as: alice, body });
	const uniqueName = (): string => {
		count += 1;
		return `ROTATED_${count}`;
	};
	/** Creates a password, and returns its id. */
	const create = async (body: object = {}, path = '/api/secrets'): Promise<string> => {
		const place = path === '/api/secrets' ? { deploymentName: 'shop' } : {};
		const made = await send('POST', path, { type: 'password', name: uniqueName(), ...place, ...body });
		expect(made.status, made.text).toBe(201);
		return (made.json as { secrets: readonly { id: string }[] }).secrets[0]?.id ?? '';
	};
	const detail = async (id: string, path = '/api/secrets'): Promise<Detail> =>
		(await send('GET', `${path}/${id}`)).json as Detail;

	test.each(['/api/secrets', '/api/org/secrets'])(
		'%s: set with the creation, changed, and ended',
		async (path) => {
			const id = await create({ generate: { length: 40 }, rotation: { every: '90d' } }, path);
			const rotation = { every: '90d', generate: { length: 40, charset: 'alnum' } };
			const first = await detail(id, path);
			expect(first.rotation).toEqual({ ...rotation, nextAt: expect.any(String) });
			const { nextAt } = first.rotation as { nextAt: string };
			const days = (new Date(nextAt).getTime() - Date.now()) / 86_400_000;
			expect(days).toBeGreaterThan(89.9);
			expect(days).toBeLessThan(90.1);

			const set = (change: unknown) => send('PUT', `${path}/${id}`, { rotation: change });
			expect((await set({ every: '12h', generate: { charset: 'hex' } })).status).toBe(200);
			const changed = { every: '12h', generate: { length: 40, charset: 'hex' } };
			expect((await detail(id, path)).rotation).toMatchObject(changed);
			expect((await set(null)).status).toBe(200);
			expect(await detail(id, path)).toMatchObject({ version: 1, rotation: null });
		},
	);

	test('a new value keeps the rotation, or changes it in the same call', async () => {
		const id = await create({ rotation: { every: '2d' } });
		expect((await send('PUT', '/api/secrets', { id, generate: { length: 64 } })).status).toBe(200);
		expect(await detail(id)).toMatchObject({
			version: 2,
			rotation: { every: '2d', generate: { length: 32 } },
		});
		const change = { id, generate: { length: 64 }, rotation: { every: '3d' } };
		expect((await send('PUT', '/api/secrets', change)).status).toBe(200);
		expect(await detail(id)).toMatchObject({
			version: 3,
			rotation: { every: '3d', generate: { length: 64 } },
		});
		expect((await send('PUT', '/api/secrets', { id, value: 'by hand', rotation: null })).status).toBe(200);
		expect(await detail(id)).toMatchObject({ version: 4, rotation: null });
	});

	test('a deleted secret has no time of its next value; its successor has no rotation', async () => {
		const id = await create({ name: 'SUCCEEDED', rotation: { every: '1h' } });
		expect((await send('DELETE', '/api/secrets', { id })).status).toBe(200);
		expect(await detail(id)).toMatchObject({ state: 'deleted', rotation: { every: '1h', nextAt: '' } });
		const next = await create({ name: 'SUCCEEDED' });
		expect(await detail(next)).toMatchObject({ state: 'live', rotation: null });
	});

	test.each([
		[
			'a time below an hour',
			{ every: '59m' },
			'rotation.every must be a time such as 90d or 12h, from 1h to 3650d',
		],
		['no time at all', { every: '0d' }, 'rotation.every must be a time such as 90d or 12h, from 1h to 3650d'],
		['a time beyond ten years', { every: '3651d' }, 'rotation.every must be a time such as 90d or 12h'],
		['a number', { every: 90 }, 'rotation.every must be of type string'],
		['no time', {}, 'rotation.every is required'],
		['a password that is too short', { every: '1d', generate: { length: 7 } }, 'rotation.generate.length'],
		['an unknown charset', { every: '1d', generate: { charset: 'emoji' } }, 'rotation.generate.charset'],
		['an unknown field', { every: '1d', at: 'noon' }, 'rotation: unknown field "at"'],
	])('%s is refused', async (_what, rotation, error) => {
		const body = { type: 'password', name: uniqueName(), deploymentName: 'shop', rotation };
		const answer = await send('POST', '/api/secrets', body);
		expect([answer.status, (answer.json as { error: string }).error]).toEqual([
			400,
			expect.stringContaining(error),
		]);
	});

	test.each([
		[
			'userpass',
			{ fields: { username: 'shop' } },
			/type userpass: its password belongs to an account.*lease/,
		],
		['ssh', {}, /rotation is for the type password, and this secret is of the type ssh/],
		['tls', { generate: { hosts: ['web'] } }, /rotation is for the type password/],
	])('a secret of the type %s does not rotate', async (type, body, error) => {
		const name = uniqueName();
		const made = { type, name, deploymentName: 'shop', ...body };
		const refused = await send('POST', '/api/secrets', { ...made, rotation: { every: '90d' } });
		expect([refused.status, refused.text]).toEqual([400, expect.stringMatching(error)]);
		const { secrets } = (await send('POST', '/api/secrets', made)).json as { secrets: { id: string }[] };
		for (const rotation of [{ every: '90d' }, null]) {
			const answer = await send('PUT', `/api/secrets/${secrets[0]?.id}`, { rotation });
			expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(error)]);
		}
	});

	test('a generic secret does not rotate', async () => {
		const error = 'rotation is for the type password, and this secret is of the type generic';
		const body = { key: uniqueName(), value: 'v', deploymentName: 'shop' };
		const refused = await send('POST', '/api/secrets', { ...body, rotation: { every: '90d' } });
		expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('need a type')]);
		const { id } = (await send('POST', '/api/secrets', body)).json as { id: string };
		for (const [path, change] of [
			[`/api/secrets/${id}`, { rotation: { every: '90d' } }],
			['/api/secrets', { id, value: 'w', rotation: { every: '90d' } }],
		] as const) {
			const answer = await send('PUT', path, change);
			expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(error)]);
		}
		expect(await detail(id)).toMatchObject({ version: 1, rotation: null });
	});

	test('a secret that no pod reads does not rotate: of the caller, or of a template', async () => {
		expect((await send('POST', '/api/templates', { name: 'web', secrets: [] })).status).toBe(201);
		for (const deploymentName of ['', 'template:web']) {
			const body = { type: 'password', name: uniqueName(), deploymentName };
			const answer = await send('POST', '/api/secrets', { ...body, rotation: { every: '90d' } });
			expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('secrets that pods read')]);
			expect((await send('POST', '/api/secrets', body)).status).toBe(201);
		}
	});

	test('the rotation is no value that a caller writes elsewhere: description and tags stay what they are', async () => {
		const id = await create({ description: 'rotation 1h 8 hex', tags: ['rotation'] });
		expect((await detail(id)).rotation).toBeNull();
		const answer = await send('PUT', `/api/secrets/${id}`, { metadata: { rotation: '1h 8 hex' } });
		expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('unknown field')]);
	});
});
