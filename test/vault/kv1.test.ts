import { expect, test } from 'vitest';
import { describeOnBoth } from './support/backends.ts';
import { enveloped, NOTHING_THERE } from './support/shapes.ts';

describeOnBoth('KV version 1', (vault) => {
	const send = (method: string, path: string, body?: unknown) =>
		vault().request(method, `legacy/${path}`, { body });

	test('a secret is its fields, with a lease that means nothing', async () => {
		expect(await send('POST', 'a/KEY', { value: 'one', n: 2 })).toMatchObject({ status: 204, text: '' });
		const { status, json } = await send('GET', 'a/KEY');
		expect(status).toBe(200);
		expect(json).toEqual(enveloped({ lease_duration: 2_764_800, data: { value: 'one', n: 2 } }));
		await send('PUT', 'a/KEY', { value: 'two' });
		expect((await send('GET', 'a/KEY')).json).toMatchObject({ data: { value: 'two' } });
	});

	test('lists give the names right below a folder, by either way of asking', async () => {
		for (const path of ['l/b', 'l/a', 'l/a/x']) await send('POST', path, { value: 'v' });
		for (const [method, path] of [
			['LIST', 'l'],
			['LIST', 'l/'],
			['GET', 'l?list=true'],
		] as const) {
			const { status, json } = await send(method, path);
			expect(status).toBe(200);
			expect(json).toEqual(enveloped({ data: { keys: ['a', 'a/', 'b'] } }));
		}
	});

	test('what is not there is 404, and so is a version 2 path', async () => {
		await send('POST', 'v/KEY', { value: 'v' });
		expect(await send('GET', 'none')).toMatchObject(NOTHING_THERE);
		expect(await send('LIST', 'none')).toMatchObject(NOTHING_THERE);
		expect(await send('GET', 'v')).toMatchObject(NOTHING_THERE);
		expect(await send('GET', 'v/')).toMatchObject(NOTHING_THERE);
		expect(await send('GET', 'data/v/KEY')).toMatchObject(NOTHING_THERE);
		expect(await send('LIST', 'metadata/v')).toMatchObject(NOTHING_THERE);
	});

	test('a deleted secret is gone; deleting it again is fine', async () => {
		await send('POST', 'd/KEY', { value: 'v' });
		expect(await send('DELETE', 'd/KEY')).toMatchObject({ status: 204, text: '' });
		expect(await send('GET', 'd/KEY')).toMatchObject(NOTHING_THERE);
		expect(await send('LIST', 'd')).toMatchObject(NOTHING_THERE);
		expect(await send('DELETE', 'd/KEY')).toMatchObject({ status: 204 });
	});

	test('a write without fields is 400', async () => {
		const refused = { status: 400, json: { errors: ['missing data fields'] } };
		expect(await send('POST', 'w/KEY', {})).toMatchObject(refused);
		expect(await send('POST', 'w/KEY')).toMatchObject(refused);
	});

	test('a write to a folder is 400', async () => {
		expect((await send('POST', 'w/', { value: 'v' })).status).toBe(400);
	});

	test('a patch is not known', async () => {
		const headers = { 'content-type': 'application/merge-patch+json' };
		await send('POST', 'p/KEY', { value: 'v' });
		const answer = await vault().request('PATCH', 'legacy/p/KEY', { body: { value: 'w' }, headers });
		expect(answer.status).toBe(405);
	});
});
