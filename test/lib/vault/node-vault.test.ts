/**
 * What node-vault's own transport (axios) does, for which ours replaces it (docs/adr/0003). If one of
 * these tests fails after an update of node-vault, look at the decision again.
 */
import { inspect } from 'node:util';
import nodeVault from 'node-vault';
import { expect, test } from 'vitest';
import { json, startScriptedVault } from '../../support/scripted-vault.ts';

const token = 's.abcdefghijklmnopqrstuvwx';

test('it follows a redirect to another server, with the token', async () => {
	await using other = await startScriptedVault({ script: () => json(200, { data: {} }) });
	await using vault = await startScriptedVault({
		script: () => ({ status: 307, headers: { location: `${other.addr}/v1/secret` } }),
	});
	await nodeVault({ endpoint: vault.addr, token }).read('secret');
	expect(other.requests[0]?.headers['x-vault-token']).toBe(token);
});

test('it reads a body without a limit', async () => {
	const part = 'x'.repeat(1024 * 1024);
	await using vault = await startScriptedVault({ script: () => ({ status: 200, body: part, repeat: 40 }) });
	const body: unknown = await nodeVault({ endpoint: vault.addr, token }).read('secret');
	expect(String(body)).toHaveLength(40 * part.length);
});

test('its error for a failed connection holds the token and the body', async () => {
	const client = nodeVault({ endpoint: 'http://127.0.0.1:1', token });
	const error: unknown = await client.write('secret', { value: 'hidden' }).catch((thrown: unknown) => thrown);
	expect(inspect(error, { depth: null })).toContain(token);
	expect(inspect(error, { depth: null })).toContain('hidden');
});
