/** What `envtier doctor` says of the rotation in a Vault, on a real OpenBao with passwords of the API. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rotationVaultChecks } from '../../cli/doctor/rotation-vault.ts';
import { openVaultClient, type VaultClient } from '../../lib/vault/client.ts';
import { type RotationFixture, rotationFixture } from '../controller/rotation/support.ts';
import { makeJwtSigner } from '../support/jwt.ts';
import { createToken, enableAuth, must, writePolicy } from '../support/openbao-setup.ts';
import { vaultSetup } from '../support/vault-setup.ts';

const HOUR = 3_600_000;
const POLICY = 'sys/policies/acl/envtier_rotation_secret';

let fixture: RotationFixture;
let vault: VaultClient;
beforeAll(async () => {
	fixture = await rotationFixture();
	const { bao, proxy } = fixture;
	const config = { jwt_validation_pubkeys: [makeJwtSigner().publicKeyPem] };
	await enableAuth(bao, 'jwt', { config });
	const endpoint = { tlsName: undefined, namespace: undefined, timeout: 10_000 };
	vault = openVaultClient({ address: proxy.addr, ca: bao.caPem, ...endpoint });
});
afterAll(async () => {
	vault?.close();
	await fixture?.[Symbol.asyncDispose]();
});

const place = { authMount: 'jwt', kv: { mount: 'secret', version: 2 }, role: 'envtier-rotation' } as const;
const checks = (token = fixture.bao.rootToken) =>
	rotationVaultChecks(vault, place, { token, address: fixture.proxy.addr });
const seen = async (id: string, token?: string): Promise<string> => {
	const { status, message, cure } = (await checks(token)).find((one) => one.id === id) ?? {};
	return `${status}: ${message} // ${cure ?? ''}`;
};

test('the role and its policy: absent, as shipped, reading values, without a line', async () => {
	const { bao } = fixture;
	expect(await seen('rotation-vault')).toMatch(
		/^fail: role envtier-rotation does not exist.*setup\.sh rotation/,
	);
	await vaultSetup(bao)('rotation', '--type', 'jwt');
	expect(await seen('rotation-vault')).toMatch(/^ok: role envtier-rotation may write .* reads no value/);
	const shipped = (await must(bao, 'GET', POLICY)) as { data: { policy: string } };
	const write = (policy: string) => must(bao, 'PUT', POLICY, { body: { policy } });
	await write(shipped.data.policy.replaceAll('["patch"]', '["patch", "read"]'));
	expect(await seen('rotation-vault')).toMatch(
		/^fail: .*let the rotation read values: path "secret\/data\/orgs/,
	);
	await write(shipped.data.policy.replace('["list"]', '["deny"]'));
	expect(await seen('rotation-vault')).toMatch(
		/^warn: .* lack path "secret\/metadata\/registry\/rotations\/" .*do not rotate/,
	);
	await write(shipped.data.policy);
	expect(await seen('rotation-vault')).toMatch(/^ok/);
});

test('passwords: none, on time, late, rotated since, deleted', async () => {
	expect(await seen('rotation-due')).toBe('ok: no password rotates // ');
	await fixture.create('HOURLY', { every: '1h' });
	await fixture.create('DAILY', { every: '24h' });
	const deleted = await fixture.create('DELETED', { every: '1h' });
	await fixture.send('DELETE', '/api/org/secrets', { id: deleted });
	// The header Date has whole seconds.
	fixture.proxy.pass(1_000);
	const fine = 'ok: passwords that rotate: 2, and none is past its time // ';
	expect(await seen('rotation-due')).toBe(fine);
	// Due, but the controller may take so long to see it.
	fixture.proxy.pass(1.9 * HOUR);
	expect(await seen('rotation-due')).toBe(fine);
	fixture.proxy.pass(HOUR);
	const late = await seen('rotation-due');
	expect(late).toMatch(
		/^warn: .* more than an hour: 1 of 2: orgs\/acme\/secrets\/HOURLY \/\/ the log of the/,
	);
	await using rotation = await fixture.start();
	await rotation.looks(2);
	await expect.poll(() => seen('rotation-due')).toBe(fine);
});

test('without a token of an administrator, or with one of few rights, the line says so', async () => {
	expect(await rotationVaultChecks(vault, place, undefined)).toMatchObject([
		{ id: 'rotation-vault', status: 'skip', message: expect.stringContaining('VAULT_TOKEN') },
	]);
	await writePolicy(fixture.bao, 'nothing', 'path "nothing" { capabilities = ["read"] }');
	const weak = await createToken(fixture.bao, ['nothing']);
	expect(await seen('rotation-vault', weak)).toMatch(/^fail: .*or the token may not read it/);
	expect(await seen('rotation-due', weak)).toMatch(/^skip: .*Vault answers 403/);
});
