import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { systemRoots } from '../../fetcher/transport/roots.ts';
import { endpointOf } from '../../fetcher/transport/socket.ts';
import { openTransport } from '../../fetcher/transport/transport.ts';
import { scratch } from '../support/scratch.ts';
import { startScriptedVault } from '../support/scripted-vault.ts';
import { makeAuthority } from '../support/tls.ts';

test('the first bundle of the system that is there counts; without any, what comes with Node', async () => {
	const place = await scratch('roots');
	const file = join(place.dir, 'ca.crt');
	writeFileSync(file, 'PEM');
	expect(systemRoots([join(place.dir, 'none'), file])).toBe('PEM');
	expect(systemRoots([join(place.dir, 'none')])).toBe(rootCertificates);
	await place.remove();
});

test('a server is trusted by a system’s bundle with many certificates in it', async () => {
	const [authority, other] = await Promise.all([makeAuthority(), makeAuthority('Another CA')]);
	await using server = await startScriptedVault({
		script: () => ({ status: 200, body: '{}' }),
		tls: await authority.issue(),
	});
	const request = { method: 'GET', path: '/v1/sys/health', headers: {}, body: undefined };
	const trusting = openTransport(endpointOf(server.addr), `${other.certPem}\n${authority.certPem}`, 5_000);
	expect((await trusting.send(request, 5_000)).status).toBe(200);
	trusting.close();
	const doubting = openTransport(endpointOf(server.addr), undefined, 5_000);
	await expect(doubting.send(request, 5_000)).rejects.toMatchObject({ reason: 'tls', heals: false });
	doubting.close();
});

test.each([
	['https://vault.example.com', { host: 'vault.example.com', port: 443 }],
	['https://vault.example.com:8200', { host: 'vault.example.com', port: 8200 }],
	['https://[::1]:8200', { host: '::1', port: 8200 }],
	['https://127.0.0.1', { host: '127.0.0.1', port: 443 }],
	['http://vault', { host: 'vault', port: 80, secure: false }],
])('%s', (address, endpoint) => {
	expect(endpointOf(address)).toMatchObject(endpoint);
});
