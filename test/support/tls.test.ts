import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { call } from './http.ts';
import { type KeyPair, makeAuthority } from './tls.ts';

/**
 * The result of a client that trusts `caPem` and connects to a server with this certificate: an error code,
 * or 'accepted'.
 */
async function outcome(pair: KeyPair, caPem: string): Promise<string> {
	const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (socket) =>
		socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n'),
	);
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	try {
		await call({ url: `https://127.0.0.1:${port}/`, caPem });
		return 'accepted';
	} catch (thrown) {
		return (thrown as NodeJS.ErrnoException).code ?? String(thrown);
	} finally {
		server.close();
	}
}

test('certificates fail a client’s check for the reason they were made for', async () => {
	const ca = await makeAuthority();
	const stranger = await makeAuthority();
	expect(await outcome(await ca.issue(), ca.certPem)).toBe('accepted');
	expect(await outcome(await ca.issue({ expired: true }), ca.certPem)).toBe('CERT_HAS_EXPIRED');
	expect(await outcome(await ca.issue({ names: ['elsewhere.example'] }), ca.certPem)).toBe(
		'ERR_TLS_CERT_ALTNAME_INVALID',
	);
	expect(await outcome(await stranger.issue(), ca.certPem)).toMatch(
		/UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE/,
	);
});
