import { expect, test } from 'vitest';
import { describeOnBoth } from './support/backends.ts';

describeOnBoth(
	'health and the seal',
	(vault) => {
		const open = (method: string, path: string, body?: unknown) =>
			vault().request(method, path, { token: '', body });

		test('an unsealed server is healthy', async () => {
			expect(await open('GET', 'sys/health')).toMatchObject({
				status: 200,
				json: { initialized: true, sealed: false, standby: false, server_time_utc: expect.any(Number) },
			});
			expect(await open('HEAD', 'sys/health')).toMatchObject({ status: 200, text: '' });
			expect(await open('GET', 'sys/seal-status')).toMatchObject({
				status: 200,
				json: { type: 'shamir', initialized: true, sealed: false, t: 1, n: 1, progress: 0 },
			});
		});

		test('each of these takes its own kind of request alone', async () => {
			expect(await open('GET', 'sys/leader')).toMatchObject({ status: 200, json: { ha_enabled: false } });
			for (const [method, path] of [
				['POST', 'sys/health'],
				['POST', 'sys/seal-status'],
				['POST', 'sys/leader'],
				['GET', 'sys/unseal'],
			] as const) {
				expect((await open(method, path)).status).toBe(405);
			}
		});

		test('a sealed server answers nothing but how it is, and forgets nothing', async () => {
			await vault().request('POST', 'secret/data/kept', { body: { data: { value: 'x' } } });
			await vault().seal();
			const sealed = { status: 503, json: { errors: ['Vault is sealed'] } };
			expect(await vault().request('GET', 'secret/data/kept')).toMatchObject(sealed);
			expect(await open('POST', 'auth/jwt/login', { role: 'web', jwt: 'x' })).toMatchObject(sealed);
			expect(await vault().request('GET', 'auth/token/lookup-self')).toMatchObject(sealed);
			expect(await vault().request('GET', 'no-such-mount/x')).toMatchObject(sealed);
			expect(await vault().request('GET', 'secret/data/x', { namespace: 'nope' })).toMatchObject(sealed);
			expect(await open('GET', 'sys/health')).toMatchObject({
				status: 503,
				json: { initialized: true, sealed: true, standby: true },
			});
			expect(await open('GET', 'sys/seal-status')).toMatchObject({ status: 200, json: { sealed: true } });
			for (const body of [{}, { key: 'no hex' }, { key: 'ab'.repeat(32) }]) {
				expect((await open('PUT', 'sys/unseal', body)).status).toBe(400);
			}
			await vault().unseal();
			expect((await vault().request('GET', 'secret/data/kept')).json).toMatchObject({
				data: { data: { value: 'x' } },
			});
		});
	},
	'sealing',
);
