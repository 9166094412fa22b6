/** How the API keeps its own access to Vault: by login, by token file, and through what happens to tokens. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { createToken, enableAuth, must, writePolicy, writeRole } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { caller, startApi } from './support/api.ts';
import { shippedPolicy } from './support/stores.ts';

const alice = caller('user:alice');
const TTL_SECONDS = 3;
let bao: OpenBao;
let file: string;

beforeAll(async () => {
	bao = await startOpenBao();
	file = join(bao.dir, 'login-token');
	await writePolicy(bao, 'envtier-api', await shippedPolicy());
	const signer = makeJwtSigner();
	// A jwt mount takes the same login as a kubernetes one.
	await enableAuth(bao, 'jwt', { config: { jwt_validation_pubkeys: [signer.publicKeyPem] } });
	await writeRole(bao, 'jwt', 'envtier-api', {
		role_type: 'jwt',
		user_claim: 'sub',
		bound_audiences: ['vault'],
		bound_subject: 'system:serviceaccount:envtier:api',
		token_policies: ['envtier-api'],
		token_ttl: TTL_SECONDS,
		token_max_ttl: 2 * TTL_SECONDS,
	});
	await writeFile(file, signer.sign(serviceAccountClaims('envtier', 'api')), { mode: 0o600 });
});
afterAll(() => bao?.stop());

const env = () => ({ ENVTIER_VAULT_ADDR: bao.addr, ENVTIER_VAULT_CA: bao.caPem });
const loggedIn = () => ({
	...env(),
	ENVTIER_VAULT_AUTH_MOUNT: 'jwt',
	ENVTIER_API_VAULT_ROLE: 'envtier-api',
	ENVTIER_API_VAULT_LOGIN_TOKEN_FILE: file,
});

test('it logs in by its role, and goes on working past the end of its tokens', {
	timeout: 60_000,
}, async () => {
	await using api = await startApi({ env: loggedIn(), callers: [alice] });
	const end = performance.now() + 3 * TTL_SECONDS * 1000;
	await until('three lives of a token', async () => {
		expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
		return performance.now() > end;
	});
});

test('a token that is revoked is replaced by a new login, unnoticed', async () => {
	await using api = await startApi({ env: loggedIn(), callers: [alice] });
	expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
	await must(bao, 'POST', 'sys/leases/revoke-prefix/auth/jwt/login', { body: {} });
	expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
});

test('a token in a file is read again when Vault refuses the old one', async () => {
	const tokenFile = join(bao.dir, 'token');
	const first = await createToken(bao, ['envtier-api']);
	await writeFile(tokenFile, `${first}\n`, { mode: 0o600 });
	await using api = await startApi({
		env: { ...env(), ENVTIER_API_VAULT_TOKEN_FILE: tokenFile },
		callers: [alice],
	});
	expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
	await must(bao, 'POST', 'auth/token/revoke', { body: { token: first } });
	expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(500);
	await writeFile(tokenFile, await createToken(bao, ['envtier-api']), { mode: 0o600 });
	expect((await api.send('GET', '/api/secrets', { as: alice })).status).toBe(200);
	expect(api.output()).not.toContain(first);
});

test('a role that does not take it is a 500 whose cause is in the log, without the token', async () => {
	const wrong = { ...loggedIn(), ENVTIER_API_VAULT_ROLE: 'other' };
	await using api = await startApi({ env: wrong, callers: [alice] });
	const answer = await api.send('GET', '/api/secrets', { as: alice });
	expect(answer.status).toBe(500);
	expect(answer.text).not.toContain('other');
	expect(api.output()).toContain('role \\"other\\"');
	expect(api.output()).not.toContain('eyJ');
	expect((await api.send('GET', '/readyz')).status).toBe(503);
});

test('/readyz asks Vault at most once a second, however often it is called', async () => {
	await using api = await startApi({ env: loggedIn(), callers: [alice] });
	const began = performance.now();
	for (let round = 0; round < 5; round += 1) {
		const answers = await Promise.all(Array.from({ length: 40 }, () => api.send('GET', '/readyz')));
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
	}
	const seconds = (performance.now() - began) / 1000;
	const metrics = (await api.send('GET', '/metrics')).text;
	const checks = Number(/requests_total\{kind="check",status="200"\} (\d+)/.exec(metrics)?.[1]);
	expect(checks).toBeGreaterThan(0);
	expect(checks).toBeLessThanOrEqual(Math.floor(seconds) + 1);
});
