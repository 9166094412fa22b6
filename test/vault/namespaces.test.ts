import { beforeAll, expect, test } from 'vitest';
import { describeOnBoth, loginAs } from './support/backends.ts';
import { FORBIDDEN, NO_TOKEN, NOTHING_THERE } from './support/shapes.ts';

describeOnBoth(
	'namespaces',
	(vault) => {
		const ABSENT = { status: 404, json: { errors: ['namespace not found'] } };
		const read = (path: string, namespace?: string, token?: string) =>
			vault().request('GET', path, {
				...(namespace === undefined ? {} : { namespace }),
				...(token === undefined ? {} : { token }),
			});
		const IN_TEAM = { status: 200, json: { data: { data: { value: 'of the team' } } } };

		beforeAll(async () => {
			const body = { data: { value: 'of the team' } };
			await vault().request('POST', 'secret/data/x', { namespace: 'team', body });
		});

		test.each(['team', 'team/', '/team', '/team/'])('the header "%s" names one', async (namespace) => {
			expect(await read('secret/data/x', namespace)).toMatchObject(IN_TEAM);
		});

		test('so does the start of the path, also below the header’s', async () => {
			expect(await read('team/secret/data/x')).toMatchObject(IN_TEAM);
			expect(await read('inner/secret/data/x', 'team')).toMatchObject(NOTHING_THERE);
			expect(await read('secret/data/x', 'team/inner')).toMatchObject(NOTHING_THERE);
			expect(await read('team/inner/secret/data/x')).toMatchObject(NOTHING_THERE);
		});

		test('their secrets are apart', async () => {
			expect(await read('secret/data/x')).toMatchObject(NOTHING_THERE);
			expect(await read('secret/data/x', 'root')).toMatchObject(NOTHING_THERE);
			expect(await read('secret/data/x', '')).toMatchObject(NOTHING_THERE);
		});

		test('one that is not there is 404, with or without a token', async () => {
			expect(await read('secret/data/x', 'nope')).toMatchObject(ABSENT);
			expect(await read('secret/data/x', 'nope', '')).toMatchObject(ABSENT);
			expect(await read('secret/data/x', 'inner')).toMatchObject(ABSENT);
			const login = { namespace: 'nope', token: '', body: { role: 'web', jwt: 'x' } };
			expect(await vault().request('POST', 'auth/jwt/login', login)).toMatchObject(ABSENT);
		});

		test('naming one twice looks for it inside itself', async () => {
			expect((await read('team/secret/data/x', 'team')).status).toBe(404);
		});

		test('a role and its policies hold in their own', async () => {
			const token = await loginAs(vault(), 'web', ['any', 'one'], 'team');
			expect(await read('secret/data/x', 'team', token)).toMatchObject(IN_TEAM);
			expect(await read('team/secret/data/x', undefined, token)).toMatchObject(IN_TEAM);
			expect(await read('secret/data/x', undefined, token)).toMatchObject(FORBIDDEN);
			expect(await read('secret/data/x', 'team/inner', token)).toMatchObject(FORBIDDEN);
			expect(await read('secret/data/x', 'crew', token)).toMatchObject(FORBIDDEN);
		});

		test('a token of the root reaches in where its policy names the way', async () => {
			const operator = await loginAs(vault(), 'operator', ['ops', 'operator']);
			expect(await read('secret/data/x', 'team', operator)).toMatchObject(IN_TEAM);
			const web = await loginAs(vault(), 'web', ['shop', 'web']);
			expect(await read('secret/data/x', 'team', web)).toMatchObject(FORBIDDEN);
		});

		test('a mount is looked for in its own', async () => {
			expect((await read('legacy/x', 'team')).json).toEqual({
				errors: ['no handler for route "legacy/x". route entry not found.'],
			});
			const login = { namespace: 'team/inner', token: '', body: { role: 'web', jwt: 'x' } };
			const nowhere = await vault().request('POST', 'auth/no-such-mount/login', login);
			expect(nowhere).toMatchObject(NO_TOKEN);
		});

		test('a token says where it belongs, and ends itself from anywhere', async () => {
			const token = await loginAs(vault(), 'web', ['any', 'one'], 'team');
			expect((await read('auth/token/lookup-self', 'team', token)).json).toMatchObject({
				data: { namespace_path: 'team/', policies: ['default', 'web'] },
			});
			expect((await read('auth/token/lookup-self', undefined, token)).status).toBe(200);
			expect((await vault().request('POST', 'auth/token/revoke-self', { token })).status).toBe(204);
			expect(await read('auth/token/lookup-self', 'team', token)).toMatchObject(NO_TOKEN);
		});
	},
	'namespaces',
);
