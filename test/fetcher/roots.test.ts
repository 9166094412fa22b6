import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { endpointOf } from '../../fetcher/transport/endpoint.ts';
import { systemRoots } from '../../fetcher/transport/roots.ts';
import { scratch } from '../support/scratch.ts';
import { startScriptedVault } from '../support/scripted-vault.ts';
import { makeAuthority } from '../support/tls.ts';
import { askWithTransport } from './support/fetcher.ts';

test('the first bundle of the system that is there counts; without any, what comes with Node', async () => {
	const place = await scratch('roots');
	const file = join(place.dir, 'ca.crt');
	writeFileSync(file, 'PEM');
	expect(systemRoots([join(place.dir, 'none'), file])).toBe('PEM');
	expect(systemRoots([join(place.dir, 'none')])).toBe(rootCertificates);
	await place.remove();
});

test('a server is trusted by a bundle with many certificates in it, and by no other CA', async () => {
	const [authority, other] = await Promise.all([makeAuthority(), makeAuthority('Another CA')]);
	await using server = await startScriptedVault({
		script: () => ({ status: 200, body: '{}' }),
		tls: await authority.issue(),
	});
	const bundle = `${other.certPem}\n${authority.certPem}`;
	expect(await askWithTransport(server.addr, ['/v1/sys/health'], bundle)).toEqual([200]);
	for (const ca of [other.certPem, ''])
		expect(await askWithTransport(server.addr, ['/v1/sys/health'], ca)).toEqual([
			expect.stringMatching(/certificate comes from an unknown CA/),
		]);
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
