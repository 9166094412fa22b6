import { expect, test } from 'vitest';
import { startOpenBao } from '../support/openbao.ts';
import * as setup from '../support/openbao-setup.ts';

test('two run side by side, each with its own secrets, and keep no process', async () => {
	await using one = await startOpenBao();
	await using two = await startOpenBao();
	expect(one.addr).not.toBe(two.addr);
	await setup.putSecret(one, 'orgs/acme/secrets/LOG_LEVEL', 'debug');
	expect((await one.request('GET', 'secret/data/orgs/acme/secrets/LOG_LEVEL')).status).toBe(200);
	expect((await two.request('GET', 'secret/data/orgs/acme/secrets/LOG_LEVEL')).status).toBe(404);
});

test('a durable one comes back with its data after a crash', async () => {
	await using bao = await startOpenBao({ durable: true });
	await setup.putSecret(bao, 'orgs/acme/secrets/LOG_LEVEL', 'debug');
	await bao.kill();
	await expect(bao.request('GET', 'sys/health')).rejects.toThrow('ECONNREFUSED');
	await bao.start();
	const read = await bao.request('GET', 'secret/data/orgs/acme/secrets/LOG_LEVEL');
	expect(read.json).toMatchObject({ data: { data: { value: 'debug' } } });
});

test('counts requests by its audit log', async () => {
	await using bao = await startOpenBao();
	const requests = await setup.auditRequests(bao);
	await bao.request('LIST', 'secret/metadata/orgs/acme/secrets');
	await bao.request('GET', 'secret/data/orgs/acme/secrets/NONE');
	expect(await requests()).toEqual([
		{ operation: 'list', path: 'secret/metadata/orgs/acme/secrets/' },
		{ operation: 'read', path: 'secret/data/orgs/acme/secrets/NONE' },
	]);
});

test('seals and unseals', async () => {
	await using bao = await startOpenBao();
	await bao.seal();
	expect((await bao.request('GET', 'secret/data/x')).status).toBe(503);
	await bao.unseal();
	expect((await bao.request('GET', 'secret/data/x')).status).toBe(404);
});
