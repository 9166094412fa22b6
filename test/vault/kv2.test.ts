import { describe, expect, test } from 'vitest';
import { describeOnBoth } from './support/backends.ts';
import { enveloped, NOTHING_THERE, TIME, UNSUPPORTED, versionOf } from './support/shapes.ts';

const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

describeOnBoth('KV version 2', (vault) => {
	const send = (method: string, path: string, body?: unknown, headers = {}) =>
		vault().request(method, `secret/${path}`, { body, headers });
	const write = async (path: string, ...values: string[]) => {
		for (const value of values) {
			expect(await send('POST', `data/${path}`, { data: { value } })).toMatchObject({ status: 200 });
		}
	};

	describe('reading and writing', () => {
		test('a secret that never was is 404 with an empty list of errors', async () => {
			expect(await send('GET', 'data/never')).toMatchObject(NOTHING_THERE);
			expect(await send('GET', 'metadata/never')).toMatchObject(NOTHING_THERE);
		});

		test('a write gives the new version, a read its data and metadata', async () => {
			const first = await send('POST', 'data/rw/one', { data: { value: 'a' } });
			expect(first.status).toBe(200);
			expect(first.json).toEqual(enveloped({ data: versionOf(1) }));
			const second = await send('PUT', 'data/rw/one', { data: { value: 'b', more: { n: [1, true] } } });
			expect(second.json).toEqual(enveloped({ data: versionOf(2) }));
			const read = await send('GET', 'data/rw/one');
			expect(read.status).toBe(200);
			expect(read.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
			const data = { value: 'b', more: { n: [1, true] } };
			expect(read.json).toEqual(enveloped({ data: { data, metadata: versionOf(2) } }));
		});

		test('an older version is read by its number; one that never was is 404', async () => {
			await write('rw/old', 'a', 'b');
			const old = await send('GET', 'data/rw/old?version=1');
			expect(old.json).toEqual(enveloped({ data: { data: { value: 'a' }, metadata: versionOf(1) } }));
			expect(await send('GET', 'data/rw/old?version=9')).toMatchObject(NOTHING_THERE);
			for (const current of ['0', '-1', '']) {
				const read = await send('GET', `data/rw/old?version=${current}`);
				expect(read.json).toMatchObject({ data: { data: { value: 'b' } } });
			}
			expect(await send('GET', 'data/rw/old?version=x')).toMatchObject({
				status: 400,
				json: { errors: [expect.stringMatching(/^Field validation failed: .*field "version"/)] },
			});
		});

		test.each([
			['without data', {}, 'no data provided'],
			['with the fields at the top, as version 1 has them', { value: 'x' }, 'no data provided'],
			['with data that are no map', { data: 'x' }, /^error converting input for field "data"/],
			[
				'with options that are no map',
				{ data: {}, options: 'x' },
				/^error converting input for field "options"/,
			],
		])('a write %s is 400', async (_, body, error) => {
			const answer = await send('POST', 'data/rw/refused', body);
			expect(answer).toMatchObject({ status: 400, json: { errors: [expect.stringMatching(error)] } });
			expect(await send('GET', 'data/rw/refused')).toMatchObject(NOTHING_THERE);
		});

		test('data that are null are kept as none', async () => {
			await send('POST', 'data/rw/null', { data: null });
			expect((await send('GET', 'data/rw/null')).json).toMatchObject({ data: { data: {} } });
		});

		test('only the last ten versions are kept', async () => {
			await write('rw/many', ...'abcdefghijkl');
			expect(await send('GET', 'data/rw/many?version=2')).toMatchObject(NOTHING_THERE);
			const { json } = await send('GET', 'metadata/rw/many');
			expect(json).toMatchObject({ data: { current_version: 12, oldest_version: 3 } });
			expect(Object.keys((json as { data: { versions: object } }).data.versions)).toHaveLength(10);
		});

		test('names that look like JavaScript’s own are names like others', async () => {
			const body = '{"data":{"__proto__":"a","constructor":"b"}}';
			expect((await send('POST', 'data/rw/__proto__', body)).status).toBe(200);
			const { text } = await send('GET', 'data/rw/__proto__');
			expect(text).toContain('"__proto__":"a"');
			expect(await send('GET', 'constructor/x')).toMatchObject({ status: 404 });
		});

		test('the names of a secret’s fields can be read without their values', async () => {
			await send('POST', 'data/rw/subkeys', { data: { a: 'x', b: { c: 'y' } } });
			const subkeys = { a: null, b: { c: null } };
			const { json } = await send('GET', 'subkeys/rw/subkeys');
			expect(json).toEqual(enveloped({ data: { subkeys, metadata: versionOf(1) } }));
		});
	});

	describe('check-and-set', () => {
		const MISMATCH = 'check-and-set parameter did not match the current version';
		const cas = (cas: unknown) => ({ data: { value: 'x' }, options: { cas } });

		test('0 creates and nothing else; the current version updates and nothing else', async () => {
			const wrong = { status: 400, json: { errors: [MISMATCH] } };
			expect(await send('POST', 'data/cas/a', cas(1))).toMatchObject(wrong);
			expect(await send('POST', 'data/cas/a', cas(-1))).toMatchObject(wrong);
			expect(await send('POST', 'data/cas/a', cas(0))).toMatchObject({ status: 200 });
			expect(await send('POST', 'data/cas/a', cas(0))).toMatchObject(wrong);
			expect(await send('POST', 'data/cas/a', cas('1'))).toMatchObject({ status: 200 });
			expect(await send('POST', 'data/cas/a', cas(null))).toMatchObject(wrong);
			expect(await send('POST', 'data/cas/a', cas(9))).toMatchObject(wrong);
		});

		test.each(['x', 1.5, []])('%j is no version', async (value) => {
			expect(await send('POST', 'data/cas/b', cas(value))).toMatchObject({
				status: 400,
				json: { errors: ['error parsing check-and-set parameter'] },
			});
		});

		test('a deleted version still counts as the current one', async () => {
			await write('cas/c', 'a');
			await send('DELETE', 'data/cas/c');
			expect(await send('POST', 'data/cas/c', cas(0))).toMatchObject({ status: 400 });
			expect(await send('POST', 'data/cas/c', cas(1))).toMatchObject({ status: 200 });
		});

		test('a secret may demand it', async () => {
			await send('POST', 'metadata/cas/d', { cas_required: true });
			expect(await send('POST', 'data/cas/d', { data: {} })).toMatchObject({
				status: 400,
				json: { errors: ['check-and-set parameter required for this call'] },
			});
			expect(await send('POST', 'data/cas/d', cas(0))).toMatchObject({ status: 200 });
		});

		test('of twenty creates at once one succeeds', async () => {
			const all = await Promise.all(Array.from({ length: 20 }, () => send('POST', 'data/cas/race', cas(0))));
			expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
			expect(all.filter(({ status }) => status === 400)).toHaveLength(19);
		});
	});

	describe('deleting', () => {
		const deleted = (version: number) =>
			enveloped({ data: { data: null, metadata: versionOf(version, { deletion_time: TIME }) } });

		test('a deleted version is 404 with its metadata; it comes back by undelete', async () => {
			await write('del/a', 'a', 'b');
			expect(await send('DELETE', 'data/del/a')).toMatchObject({ status: 204, text: '' });
			const gone = await send('GET', 'data/del/a');
			expect(gone.status).toBe(404);
			expect(gone.json).toEqual(deleted(2));
			expect((await send('GET', 'data/del/a?version=1')).status).toBe(200);
			expect(await send('PUT', 'undelete/del/a', { versions: [2] })).toMatchObject({ status: 204, text: '' });
			expect((await send('GET', 'data/del/a')).json).toMatchObject({ data: { data: { value: 'b' } } });
		});

		test('a destroyed version is 404 with its metadata for good', async () => {
			await write('del/b', 'a');
			expect(await send('PUT', 'destroy/del/b', { versions: [1] })).toMatchObject({ status: 204, text: '' });
			await send('PUT', 'undelete/del/b', { versions: [1] });
			const gone = await send('GET', 'data/del/b');
			expect(gone.status).toBe(404);
			const metadata = versionOf(1, { destroyed: true });
			expect(gone.json).toEqual(enveloped({ data: { data: null, metadata } }));
		});

		test('a new version after a deleted one is read again', async () => {
			await write('del/c', 'a');
			await send('DELETE', 'data/del/c');
			await write('del/c', 'b');
			expect((await send('GET', 'data/del/c')).json).toMatchObject({ data: { data: { value: 'b' } } });
			expect((await send('GET', 'data/del/c?version=1')).status).toBe(404);
		});

		test('versions are named by number, by text, or with commas; unknown ones are passed over', async () => {
			for (const versions of [[1, 99], ['1'], '1,2', 1]) {
				await write('del/d', 'a');
				expect(await send('POST', 'delete/del/d', { versions })).toMatchObject({ status: 204 });
			}
			expect((await send('GET', 'data/del/d?version=1')).json).toEqual(deleted(1));
			expect((await send('GET', 'data/del/d')).status).toBe(200);
		});

		test.each([
			['delete', {}, 'No version number provided'],
			['undelete', { versions: [] }, 'No version number provided'],
			['destroy', {}, 'no version number provided'],
			['delete', { versions: ['x'] }, /^Field validation failed: .*field "versions"/],
		])('%s with %j is 400', async (action, body, error) => {
			await write('del/e', 'a');
			expect(await send('POST', `${action}/del/e`, body)).toMatchObject({
				status: 400,
				json: { errors: [expect.stringMatching(error)] },
			});
		});

		test('deleting what never was is 204', async () => {
			for (const action of ['delete', 'undelete', 'destroy']) {
				expect(await send('PUT', `${action}/del/never`, { versions: [1] })).toMatchObject({ status: 204 });
			}
			expect(await send('DELETE', 'data/del/never')).toMatchObject({ status: 204 });
			expect(await send('DELETE', 'metadata/del/never')).toMatchObject({ status: 204 });
			expect(await send('GET', 'metadata/del/never')).toMatchObject(NOTHING_THERE);
		});

		test('deleting the metadata removes everything, from the list as well', async () => {
			await write('del/f/x', 'a', 'b');
			expect(await send('DELETE', 'metadata/del/f/x')).toMatchObject({ status: 204, text: '' });
			expect(await send('GET', 'data/del/f/x')).toMatchObject(NOTHING_THERE);
			expect(await send('LIST', 'metadata/del/f')).toMatchObject(NOTHING_THERE);
			await write('del/f/x', 'c');
			expect((await send('GET', 'data/del/f/x')).json).toMatchObject({ data: { metadata: { version: 1 } } });
		});

		test.each(['delete', 'undelete', 'destroy'])('%s only takes writes', async (action) => {
			expect(await send('GET', `${action}/del/x`)).toMatchObject(UNSUPPORTED);
			expect(await send('DELETE', `${action}/del/x`)).toMatchObject(UNSUPPORTED);
		});
	});

	describe('listing', () => {
		const keys = (...names: string[]) => enveloped({ data: { keys: names } });

		test('gives the names right below a folder, sub-folders with a slash, sorted', async () => {
			for (const path of ['b', 'B', 'a-b', 'a', 'a/x', 'a/y/z', 'é', '_']) await write(`list/${path}`, 'v');
			const expected = keys('B', '_', 'a', 'a-b', 'a/', 'b', 'é');
			for (const [method, path] of [
				['LIST', 'metadata/list'],
				['LIST', 'metadata/list/'],
				['GET', 'metadata/list?list=true'],
				['GET', 'metadata/list/?list=true'],
				['GET', 'metadata/list?list=1'],
			] as const) {
				const answer = await send(method, path);
				expect(answer.status).toBe(200);
				expect(answer.json).toEqual(expected);
			}
			expect((await send('LIST', 'metadata/list/a')).json).toEqual(keys('x', 'y/'));
		});

		test('an empty folder and a secret are no folders: 404', async () => {
			await write('list2/leaf', 'v');
			expect(await send('LIST', 'metadata/list2/leaf')).toMatchObject(NOTHING_THERE);
			expect(await send('LIST', 'metadata/list2/none')).toMatchObject(NOTHING_THERE);
			expect(await send('GET', 'metadata/list2/none?list=true')).toMatchObject(NOTHING_THERE);
		});

		test('deleted and destroyed secrets stay in the list', async () => {
			await write('list3/deleted', 'v');
			await write('list3/destroyed', 'v');
			await send('DELETE', 'data/list3/deleted');
			await send('PUT', 'destroy/list3/destroyed', { versions: [1] });
			expect((await send('LIST', 'metadata/list3')).json).toEqual(keys('deleted', 'destroyed'));
		});

		test('the root of the engine can be listed', async () => {
			await write('list4/x', 'v');
			const { json } = await send('LIST', 'metadata');
			expect(json).toMatchObject({ data: { keys: expect.arrayContaining(['list4/']) } });
		});

		test('data can’t be listed, and a list flag that is no boolean is 400', async () => {
			await write('list5/x', 'v');
			expect(await send('LIST', 'data/list5')).toMatchObject(UNSUPPORTED);
			expect(await send('GET', 'metadata/list5?list=maybe')).toMatchObject({ status: 400 });
			expect((await send('GET', 'metadata/list5/x?list=false')).status).toBe(200);
		});
	});

	describe('metadata', () => {
		const fresh = {
			...{ cas_required: false, created_time: TIME, current_metadata_version: 0, custom_metadata: null },
			...{ delete_version_after: '0s', max_versions: 0, metadata_cas_required: false },
			...{ oldest_version: 0, updated_time: TIME },
		};
		const live = { created_time: TIME, deletion_time: '', destroyed: false };

		test('tell of all versions', async () => {
			await write('meta/a', 'a', 'b', 'c');
			await send('DELETE', 'data/meta/a');
			await send('PUT', 'destroy/meta/a', { versions: [1] });
			const versions = {
				'1': { ...live, destroyed: true },
				'2': live,
				'3': { ...live, deletion_time: TIME },
			};
			const { json } = await send('GET', 'metadata/meta/a');
			expect(json).toEqual(enveloped({ data: { ...fresh, current_version: 3, versions } }));
		});

		test('can be written before there is a version', async () => {
			const custom_metadata = { owner: 'team-a' };
			const settings = { custom_metadata, max_versions: 2, delete_version_after: '90s' };
			expect(await send('POST', 'metadata/meta/b', settings)).toMatchObject({ status: 204, text: '' });
			const { json } = await send('GET', 'metadata/meta/b');
			const rest = { current_metadata_version: 1, current_version: 0, versions: {} };
			const expected = { ...fresh, custom_metadata, max_versions: 2, delete_version_after: '1m30s', ...rest };
			expect(json).toEqual(enveloped({ data: expected }));
			expect(await send('GET', 'data/meta/b')).toMatchObject(NOTHING_THERE);
			expect((await send('LIST', 'metadata/meta')).json).toMatchObject({
				data: { keys: expect.arrayContaining(['b']) },
			});
		});

		test('custom metadata come with every read; what a write does not name stays', async () => {
			await write('meta/c', 'a');
			await send('POST', 'metadata/meta/c', { custom_metadata: { owner: 'me', n: 1 } });
			await send('POST', 'metadata/meta/c', { max_versions: 3 });
			const metadata = versionOf(1, { custom_metadata: { owner: 'me', n: '1' } });
			expect((await send('GET', 'data/meta/c')).json).toEqual(
				enveloped({ data: { data: { value: 'a' }, metadata } }),
			);
			await send('POST', 'metadata/meta/c', { custom_metadata: {} });
			expect((await send('GET', 'metadata/meta/c')).json).toMatchObject({
				data: { custom_metadata: null, max_versions: 3 },
			});
		});

		test('custom metadata are patched by JSON Merge Patch, and only by that', async () => {
			await send('POST', 'metadata/meta/d', { custom_metadata: { a: '1', b: '2' } });
			const patch = { custom_metadata: { a: null, c: '3' } };
			expect(await send('PATCH', 'metadata/meta/d', patch, MERGE_PATCH)).toMatchObject({ status: 204 });
			expect((await send('GET', 'metadata/meta/d')).json).toMatchObject({
				data: { custom_metadata: { b: '2', c: '3' } },
			});
			expect(await send('PATCH', 'metadata/meta/d', patch)).toMatchObject({ status: 415 });
			expect(await send('PATCH', 'metadata/meta/never', patch, MERGE_PATCH)).toMatchObject({
				status: 404,
				text: '',
			});
		});

		test('fewer versions are kept where the metadata say so', async () => {
			await send('POST', 'metadata/meta/e', { max_versions: 2 });
			await write('meta/e', 'a', 'b', 'c', 'd');
			const { json } = await send('GET', 'metadata/meta/e');
			expect(json).toMatchObject({ data: { oldest_version: 3, versions: { '3': live, '4': live } } });
			expect(await send('GET', 'data/meta/e?version=2')).toMatchObject(NOTHING_THERE);
		});

		test('a version that deletes itself says when', async () => {
			await send('POST', 'metadata/meta/f', { delete_version_after: '1h' });
			const written = await send('POST', 'data/meta/f', { data: { value: 'x' } });
			expect(written.json).toEqual(enveloped({ data: versionOf(1, { deletion_time: TIME }) }));
			expect((await send('GET', 'data/meta/f')).status).toBe(200);
		});

		test.each([
			[{ custom_metadata: 'x' }, /^error converting input for field "custom_metadata"/],
			[{ custom_metadata: { a: {} } }, /custom_metadata validation failed/],
			[{ custom_metadata: { a: '' } }, /custom_metadata validation failed/],
			[{ custom_metadata: { a: 'x'.repeat(513) } }, /custom_metadata validation failed/],
			[{ custom_metadata: { ['k'.repeat(129)]: 'x' } }, /custom_metadata validation failed/],
			[{ custom_metadata: { a: 'line\nbreak' } }, /custom_metadata validation failed/],
			[{ max_versions: 'x' }, /^error converting input for field "max_versions"/],
			[{ cas_required: 'x' }, /^error converting input for field "cas_required"/],
			[{ delete_version_after: 'soon' }, /^error converting input for field "delete_version_after"/],
			[{ delete_version_after: '-1s' }, /^error converting input for field "delete_version_after"/],
		])('%j is refused', async (body, error) => {
			expect(await send('POST', 'metadata/meta/refused', body)).toMatchObject({
				status: 400,
				json: { errors: [expect.stringMatching(error)] },
			});
			expect(await send('GET', 'metadata/meta/refused')).toMatchObject(NOTHING_THERE);
		});
	});

	describe('patching', () => {
		test('merges fields into a new version', async () => {
			await send('POST', 'data/patch/a', { data: { a: '1', b: '2', c: { d: '3', e: '4' } } });
			const patch = { data: { a: null, c: { d: null }, f: '5' } };
			expect((await send('PATCH', 'data/patch/a', patch, MERGE_PATCH)).json).toEqual(
				enveloped({ data: versionOf(2) }),
			);
			expect((await send('GET', 'data/patch/a')).json).toMatchObject({
				data: { data: { b: '2', c: { e: '4' }, f: '5' } },
			});
		});

		test('needs a version that is there', async () => {
			const patch = { data: { a: '1' } };
			expect(await send('PATCH', 'data/patch/never', patch, MERGE_PATCH)).toMatchObject({
				status: 404,
				text: '',
			});
			await write('patch/b', 'a');
			await send('DELETE', 'data/patch/b');
			const gone = await send('PATCH', 'data/patch/b', patch, MERGE_PATCH);
			expect(gone.status).toBe(404);
			expect(gone.json).toEqual(enveloped({ data: versionOf(1, { deletion_time: TIME }) }));
		});

		test('minds check-and-set, needs data, and is 415 as plain JSON', async () => {
			await write('patch/c', 'a');
			const wrong = { data: { a: '1' }, options: { cas: 9 } };
			expect(await send('PATCH', 'data/patch/c', wrong, MERGE_PATCH)).toMatchObject({ status: 400 });
			expect(await send('PATCH', 'data/patch/c', {}, MERGE_PATCH)).toMatchObject({ status: 400 });
			expect(await send('PATCH', 'data/patch/c', { data: { a: '1' } })).toMatchObject({ status: 415 });
		});
	});

	describe('asked as if it were version 1', () => {
		test.each(['GET', 'LIST', 'POST', 'DELETE'])(
			'%s without data/ or metadata/ is 404 with a warning',
			async (method) => {
				const answer = await send(
					method,
					'orgs/acme/secrets',
					method === 'POST' ? { value: 'x' } : undefined,
				);
				expect(answer.status).toBe(404);
				const warnings = [expect.stringMatching(/^Invalid path for a versioned K\/V secrets engine\./)];
				expect(answer.json).toEqual(enveloped({ warnings }));
			},
		);

		test('the engine’s own root is no secret', async () => {
			for (const path of ['', 'data', 'data/']) {
				expect((await send('GET', path)).status).toBe(404);
			}
			expect(await send('POST', 'data/', { data: {} })).toMatchObject({ status: 400 });
			expect((await send('GET', 'config')).json).toEqual(
				enveloped({
					data: {
						...{ cas_required: false, delete_version_after: '0s' },
						...{ max_versions: 0, metadata_cas_required: false },
					},
				}),
			);
		});
	});
});
