/** Whether the secrets API is ready, and which lines its Vault policy lacks, asked of a real one. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { secretsApiChecks } from '../../cli/doctor/secrets-api.ts';
import { startApi } from '../api/support/api.ts';
import { vaultEnv } from '../api/support/both.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { createToken, writePolicy } from '../support/openbao-setup.ts';

const OLDER = join(import.meta.dirname, '../api/fixtures/api-policy-before-versions.hcl');

let bao: OpenBao;
beforeAll(async () => {
	bao = await startOpenBao();
});
afterAll(() => bao?.stop());

const check = (env: Readonly<Record<string, string>>) => secretsApiChecks(env, process.stdin);

test('without ENVTIER_API_URL there is nothing to check', async () => {
	expect(await check({})).toEqual([]);
});

test('a ready API is ok', async () => {
	await using api = await startApi({ env: await vaultEnv(bao) });
	expect(await check({ ENVTIER_API_URL: api.url })).toMatchObject([{ id: 'secrets-api', status: 'ok' }]);
});

test('one with an older policy is named with the lines that it lacks, and the cure', async () => {
	await writePolicy(bao, 'older', await readFile(OLDER, 'utf8'));
	const token = { ENVTIER_API_VAULT_TOKEN: await createToken(bao, ['older']) };
	await using api = await startApi({ env: { ...(await vaultEnv(bao)), ...token } });
	const [found] = await check({ ENVTIER_API_URL: api.url });
	expect(found).toMatchObject({ status: 'fail', cure: expect.stringContaining('setup.sh --replace api') });
	expect(found?.message).toContain('path "secret/undelete/templates/*" { capabilities = ["update"] }');
});

test.each([
	['an address that does not answer', 'http://127.0.0.1:1', 'http://127.0.0.1:1'],
	['an address that is none', 'envtier', 'ENVTIER_API_URL must be an address'],
])('%s fails', async (_what, url, message) => {
	const [found] = await check({ ENVTIER_API_URL: url });
	expect(found).toMatchObject({ status: 'fail', message: expect.stringContaining(message) });
});
