import { expect, test } from 'vitest';
import { describeOnBoth } from './support/backends.ts';
import { NOTHING_THERE } from './support/shapes.ts';

describeOnBoth('the wire', (vault) => {
	const post = (body: string) => vault().request('POST', 'secret/data/wire', { body });

	test.each(['{', '[]', '3', '"x"', '{"data":{}} x'])('the body %s is 400', async (body) => {
		expect(await post(body)).toMatchObject({
			status: 400,
			json: { errors: [expect.stringMatching(/^failed to decode JSON input/)] },
		});
	});

	test('a body of null is none', async () => {
		expect((await post('null')).json).toEqual({ errors: ['no data provided'] });
	});

	test('a body may have a megabyte, but not more than 32', async () => {
		const body = (bytes: number) => JSON.stringify({ data: { value: 'x'.repeat(bytes) } });
		expect((await post(body(1_000_000))).status).toBe(200);
		expect(await post(body(33_600_000))).toMatchObject({
			status: 413,
			json: { errors: ['http: request body too large'] },
		});
	});

	test.each(['SEARCH', 'OPTIONS', 'TRACE'])('the method %s reaches nothing', async (method) => {
		expect((await vault().request(method, 'secret/data/wire')).status).toBeGreaterThanOrEqual(400);
	});

	test('HEAD is known for the health alone', async () => {
		expect((await vault().request('HEAD', 'secret/data/wire')).status).toBe(405);
	});

	test('a path with two slashes in a row is sent on to the one it means', async () => {
		const answer = await vault().request('GET', 'secret/data//wire');
		expect(answer.status).toBe(307);
		expect(answer.headers['location']).toBe('/v1/secret/data/wire');
	});

	test('a path that climbs is refused, a broken one too', async () => {
		expect(await vault().request('GET', 'secret/data/a%2F..%2Fb')).toMatchObject({
			status: 400,
			json: { errors: ['relative paths not supported'] },
		});
		expect((await vault().request('GET', 'secret/data/a%0Ab')).status).toBe(400);
		expect((await vault().request('GET', 'secret/data/a%zz')).status).toBe(400);
	});

	test('a name is what its escapes mean', async () => {
		const body = { data: { value: 'x' } };
		for (const name of ['caf%C3%A9%20au%20lait', 'a%2Fb', '100%25', 'q%3Fr']) {
			expect((await vault().request('POST', `secret/data/esc/${name}`, { body })).status).toBe(200);
		}
		expect((await vault().request('LIST', 'secret/metadata/esc')).json).toMatchObject({
			data: { keys: ['100%', 'a/', 'café au lait', 'q?r'] },
		});
		expect(await vault().request('GET', 'secret/data/esc/q?r')).toMatchObject(NOTHING_THERE);
	});
});
