import { beforeAll, expect, test } from 'vitest';
import { describeOnBoth, loginAs } from './support/backends.ts';
import { enveloped, FORBIDDEN, NO_TOKEN, NOTHING_THERE, RANDOM, TIME } from './support/shapes.ts';

describeOnBoth('what a policy lets a token do', (vault, { ours }) => {
	let token: string;
	beforeAll(async () => {
		token = await loginAs(vault(), 'web', ['shop', 'web']);
	});
	const send = (method: string, path: string, body?: unknown) =>
		vault().request(method, path, { token, body });

	const SHOP = 'deployments/shop/secrets';
	test.each([
		['reads below its path', 'GET', `secret/data/${SHOP}/KEY`],
		['lists below its path', 'LIST', `secret/metadata/${SHOP}`],
		['lists with a slash at the end', 'LIST', `secret/metadata/${SHOP}/`],
		['lists by GET', 'GET', `secret/metadata/${SHOP}?list=true`],
		['lists what the policy names without its slash', 'LIST', 'secret/metadata/folder-named-without-slash'],
		['lists what the policy names with its slash', 'LIST', 'secret/metadata/folder-named-with-slash'],
		['reads through a "+" segment', 'GET', 'secret/data/anything/middle/x'],
		['reads in a KV v1 mount', 'GET', 'legacy/deployments/shop/secrets/KEY'],
		['lists in a KV v1 mount', 'LIST', 'legacy/deployments/shop/secrets'],
	])('%s', async (_, method, path) => {
		expect(await send(method, path)).toMatchObject(NOTHING_THERE);
	});

	test.each([
		['reads another deployment', 'GET', 'secret/data/deployments/other/secrets/KEY'],
		['lists another deployment', 'LIST', 'secret/metadata/deployments/other/secrets'],
		['reads metadata that it may only list', 'GET', `secret/metadata/${SHOP}/KEY`],
		['lists data that it may only read', 'LIST', `secret/data/${SHOP}`],
		['reads what is denied below its path', 'GET', 'secret/data/deployments/shop/vault-only/KEY'],
		['reads two segments through one "+"', 'GET', 'secret/data/two/segments/middle/x'],
		['reads beside the "+" path', 'GET', 'secret/data/anything/middle/y'],
		['reads a path of version 1 in version 2', 'GET', 'secret/deployments/shop/secrets/KEY'],
		['reads another deployment in a KV v1 mount', 'GET', 'legacy/deployments/other/secrets/KEY'],
		['reads where no mount is', 'GET', 'no-mount-at-all/x'],
		['writes what it may only read', 'POST', `secret/data/${SHOP}/KEY`],
		['deletes what it may only read', 'DELETE', `secret/data/${SHOP}/KEY`],
		['asks the system', 'GET', 'sys/no-such-thing'],
	])('is forbidden when it %s', async (_, method, path) => {
		const body = method === 'POST' ? { data: { value: 'x' } } : undefined;
		expect(await send(method, path, body)).toMatchObject(FORBIDDEN);
	});

	// Nobody's own Vault is asked to.
	test.runIf(ours)('is forbidden when it seals the server', async () => {
		expect(await send('PUT', 'sys/seal')).toMatchObject(FORBIDDEN);
	});

	test('a path that it may read, but that no mount answers, is 404 with a reason', async () => {
		expect(await send('GET', 'no-such-mount/x')).toMatchObject({
			status: 404,
			json: { errors: ['no handler for route "no-such-mount/x". route entry not found.'] },
		});
	});

	test('"create" makes what is not there and changes nothing', async () => {
		const body = { data: { value: 'x' } };
		expect((await send('POST', 'secret/data/only-create/a', body)).status).toBe(200);
		expect(await send('POST', 'secret/data/only-create/a', body)).toMatchObject(FORBIDDEN);
		await vault().request('DELETE', 'secret/data/only-create/a');
		expect(await send('POST', 'secret/data/only-create/a', body)).toMatchObject(FORBIDDEN);
		await vault().request('DELETE', 'secret/metadata/only-create/a');
		expect((await send('POST', 'secret/data/only-create/a', body)).status).toBe(200);
	});

	test('"update" changes what is there and makes nothing', async () => {
		const body = { data: { value: 'x' } };
		expect(await send('POST', 'secret/data/only-update/a', body)).toMatchObject(FORBIDDEN);
		await vault().request('POST', 'secret/data/only-update/a', { body });
		expect((await send('POST', 'secret/data/only-update/a', body)).status).toBe(200);
	});

	test('the root token may do everything that there is to do', async () => {
		const missing = await vault().request('GET', 'no-mount-at-all/x');
		expect(missing.json).toEqual({
			errors: ['no handler for route "no-mount-at-all/x". route entry not found.'],
		});
	});

	test('tells a token what it may do', async () => {
		const paths = ['secret/data/deployments/shop/x', 'secret/data/deployments/other/x'];
		const { json } = await send('POST', 'sys/capabilities-self', { paths });
		expect(json).toMatchObject({ data: { [paths[0] ?? '']: ['read'], [paths[1] ?? '']: ['deny'] } });
		const root = await vault().request('POST', 'sys/capabilities-self', { body: { paths } });
		expect(root.json).toMatchObject({ data: { [paths[1] ?? '']: ['root'] } });
	});

	test('tells the command-line client which version a mount is', async () => {
		for (const [mount, version] of [
			['secret', '2'],
			['legacy', '1'],
		] as const) {
			const { json } = await send('GET', `sys/internal/ui/mounts/${mount}/deployments/shop`);
			expect(json).toMatchObject({ data: { path: `${mount}/`, type: 'kv', options: { version } } });
		}
	});
});

describeOnBoth('a token', (vault, { ours }) => {
	const self = (method: string, what: string, token: string) =>
		vault().request(method, `auth/token/${what}-self`, { token });

	test('that is missing or unknown is 403, whatever the path', async () => {
		for (const path of ['secret/data/x', 'no-such-mount/x', 'auth/token/lookup-self', 'sys/mounts']) {
			expect(await vault().request('GET', path, { token: '' })).toMatchObject(NO_TOKEN);
			expect(await vault().request('GET', path, { token: 's.unknown' })).toMatchObject(NO_TOKEN);
		}
	});

	test('may come as a bearer token', async () => {
		const bearer = (scheme: string) =>
			vault().request('GET', 'secret/data/never', {
				token: '',
				headers: { authorization: `${scheme} ${vault().rootToken}` },
			});
		expect(await bearer('Bearer')).toMatchObject(NOTHING_THERE);
		expect(await bearer('Basic')).toMatchObject(NO_TOKEN);
	});

	test('looks itself up', async () => {
		const token = await loginAs(vault(), 'web', ['shop', 'web']);
		const { status, json } = await self('GET', 'lookup', token);
		expect(status).toBe(200);
		expect(json).toEqual(
			enveloped({
				data: {
					...{ accessor: RANDOM, creation_time: expect.any(Number), creation_ttl: 300 },
					...{ display_name: expect.stringMatching(/^jwt-/), entity_id: RANDOM, expire_time: TIME },
					...{ explicit_max_ttl: 0, id: token, issue_time: TIME, meta: { role: 'web' }, num_uses: 0 },
					...{ orphan: true, path: 'auth/jwt/login', policies: ['default', 'web'], renewable: true },
					...{ ttl: expect.any(Number), type: 'service' },
				},
			}),
		);
	});

	// That of somebody's own Vault may have been made in another way.
	test.runIf(ours)('the root token never ends', async () => {
		const { json } = await self('GET', 'lookup', vault().rootToken);
		expect(json).toEqual(
			enveloped({
				data: {
					...{ accessor: RANDOM, creation_time: expect.any(Number), creation_ttl: 0 },
					...{ display_name: 'root', entity_id: '', expire_time: null, explicit_max_ttl: 0 },
					...{ id: vault().rootToken, meta: null, num_uses: 0, orphan: true, path: 'auth/token/root' },
					...{ policies: ['root'], ttl: 0, type: 'service' },
				},
			}),
		);
	});

	test.each(['POST', 'PUT'])('revokes itself by %s, and is worth nothing then', async (method) => {
		const token = await loginAs(vault(), 'web', ['shop', 'web']);
		expect(await self(method, 'revoke', token)).toMatchObject({ status: 204, text: '' });
		expect(await self(method, 'revoke', token)).toMatchObject(NO_TOKEN);
		expect(await self('GET', 'lookup', token)).toMatchObject(NO_TOKEN);
		const read = await vault().request('GET', 'secret/data/deployments/shop/x', { token });
		expect(read).toMatchObject(NO_TOKEN);
	});

	test('can’t revoke itself by reading, and nobody can’t at all', async () => {
		const token = await loginAs(vault(), 'web', ['shop', 'web']);
		expect(await self('GET', 'revoke', token)).toMatchObject(FORBIDDEN);
		expect(await self('POST', 'revoke', '')).toMatchObject(NO_TOKEN);
		expect((await self('GET', 'lookup', token)).status).toBe(200);
	});

	test('renews itself; the root token can’t', async () => {
		const token = await loginAs(vault(), 'web', ['shop', 'web']);
		expect((await self('POST', 'renew', token)).json).toMatchObject({
			auth: { client_token: token, lease_duration: 300, policies: ['default', 'web'] },
		});
		expect((await self('POST', 'renew', vault().rootToken)).status).toBe(400);
	});
});
