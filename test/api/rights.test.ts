import { expect, test } from 'vitest';
import { startOpenBao } from '../support/openbao.ts';
import { createToken, writePolicy } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { shippedPolicy } from './support/stores.ts';

test('the log names the policy lines that the API lacks; with the shipped policy it names none', async () => {
	await using bao = await startOpenBao().then((server) => ({
		server,
		[Symbol.asyncDispose]: () => server.stop(),
	}));
	const env = await vaultEnv(bao.server);
	const policy = await shippedPolicy();
	const old = policy.replaceAll(', "patch"] }', '] }').replace(/^path "secret\/undelete.*\n/gm, '');
	await writePolicy(bao.server, 'old', old);
	const token = await createToken(bao.server, ['old']);
	await using lacking = await startApi({ env: { ...env, ENVTIER_API_VAULT_TOKEN: token } });
	await until('the log names the lines', () => lacking.output().includes('the Vault policy lacks lines'));
	const line =
		lacking
			.output()
			.split('\n')
			.find((text) => text.includes('lacks lines')) ?? '';
	expect((JSON.parse(line) as { missing: string[] }).missing).toEqual(
		expect.arrayContaining([
			'path "secret/data/orgs/+/secrets/+" { capabilities = ["create", "update", "patch"] }',
			'path "secret/undelete/templates/*" { capabilities = ["update"] }',
		]),
	);
	await using whole = await startApi({ env });
	expect((await whole.send('GET', '/readyz')).status).toBe(200);
	expect(whole.output()).not.toContain('lacks lines');
});
