/** Whether Vault has an audit device, asked of a real OpenBao. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminTokenOf, auditCheck, ownAddresses } from '../../cli/doctor/audit.ts';
import { openVaultClient, type VaultClient } from '../../lib/vault/client.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { createToken, must, writePolicy } from '../support/openbao-setup.ts';

let bao: OpenBao;
let vault: VaultClient;
let pod: string;
let auditor: string;
const sent: (string | undefined)[] = [];
beforeAll(async () => {
	bao = await startOpenBao();
	const place = {
		address: bao.addr,
		ca: bao.caPem,
		namespace: undefined,
		tlsName: undefined,
		timeout: 15_000,
	};
	const client = openVaultClient(place);
	const read: VaultClient['read'] = (path, token) => {
		sent.push(token);
		return client.read(path, token);
	};
	vault = { ...client, read };
	await writePolicy(bao, 'tiers', 'path "secret/data/deployments/shop/*" { capabilities = ["read"] }');
	await writePolicy(bao, 'auditor', 'path "sys/audit" { capabilities = ["read", "sudo"] }');
	pod = await createToken(bao, ['tiers']);
	auditor = await createToken(bao, ['auditor']);
});
afterAll(() => bao?.stop());

test('a pod’s token alone may not ask: skipped, saying who could', async () => {
	const check = await auditCheck(vault, pod, undefined, [bao.addr]);
	expect(check).toMatchObject({ id: 'vault-audit', status: 'skip' });
	expect(check.message).toContain(
		'the policies of the token do not allow it. VAULT_ADDR and VAULT_TOKEN of somebody',
	);
	expect(await auditCheck(vault, undefined, undefined, [bao.addr])).toMatchObject({ status: 'skip' });
});

test('an administrator’s token asks: none is a warning with a cure, one is fine', async () => {
	const admin = adminTokenOf({ VAULT_ADDR: `${bao.addr}/`, VAULT_TOKEN: auditor });
	const ask = () => auditCheck(vault, pod, admin, [bao.addr]);
	expect(await ask()).toMatchObject({
		status: 'warn',
		message: expect.stringContaining('Vault has no audit device'),
		cure: expect.stringContaining('setup.sh audit'),
	});
	const options = { file_path: `${bao.dir}/audit.log` };
	await must(bao, 'PUT', 'sys/audit/main', { body: { type: 'file', options } });
	expect(await ask()).toMatchObject({ status: 'ok', message: 'Vault keeps an audit log: main/' });
});

test('an administrator’s token goes to no Vault but the one that it is for', async () => {
	sent.length = 0;
	const admin = adminTokenOf({ VAULT_ADDR: 'https://vault.example.com', VAULT_TOKEN: auditor });
	const check = await auditCheck(vault, pod, admin, [bao.addr]);
	expect(sent).toEqual([pod]);
	expect(check).toMatchObject({
		status: 'skip',
		message: expect.stringContaining('VAULT_ADDR (https://vault.example.com) is not'),
	});
	expect(JSON.stringify(check)).not.toContain(auditor);
	// By the address that the command line gave to connect to, it is.
	const via = adminTokenOf({ BAO_ADDR: 'https://localhost:8200', BAO_TOKEN: auditor });
	expect(
		await auditCheck(vault, pod, via, ['https://vault.vault.svc:8200', 'https://localhost:8200']),
	).toMatchObject({
		status: 'ok',
	});
});

test('an administrator’s token goes to a Vault below a path, and to no other path of that host', async () => {
	const ask = (mine: string, ofPods: string, via?: { host: string; port: number }) => {
		const admin = adminTokenOf({ VAULT_ADDR: mine, VAULT_TOKEN: auditor });
		return auditCheck(vault, undefined, admin, ownAddresses({ address: ofPods, via }));
	};
	const there = 'https://example.com/vault';
	const via = { host: 'localhost', port: 8200 };
	for (const mine of [there, `${there}/`, 'https://EXAMPLE.com:443/vault'])
		expect((await ask(mine, there)).status, mine).toBe('ok');
	expect((await ask('https://localhost:8200/vault', there, via)).status).toBe('ok');
	expect((await ask(there, there, via)).status).toBe('ok');
	expect(ownAddresses({ address: there, via: { host: '::1', port: 8200 } })).toContain(
		'https://[::1]:8200/vault',
	);
	sent.length = 0;
	for (const mine of ['https://example.com', 'https://example.com/other', 'https://localhost:8200/vault'])
		expect(await ask(mine, there), mine).toMatchObject({
			status: 'skip',
			message: expect.stringContaining(`VAULT_ADDR (${mine}) is not the Vault of the pods`),
		});
	expect((await ask('https://localhost:8200', there, via)).status).toBe('skip');
	expect((await ask('https://localhost:8200/vault', 'http://example.com/vault', via)).status).toBe('skip');
	expect(sent).toEqual([]);
});

test.each([
	['no token', { VAULT_ADDR: 'https://vault.example.com' }],
	['no address', { VAULT_TOKEN: 's.token' }],
	['an address that is none', { VAULT_TOKEN: 's.token', VAULT_ADDR: 'vault' }],
	['a token of several lines', { VAULT_TOKEN: 's.token\nx: y', VAULT_ADDR: 'https://vault.example.com' }],
])('an environment with %s has no administrator’s token', (_what, env) => {
	expect(adminTokenOf(env)).toBeUndefined();
});
