import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type IssuedCertificate, issue } from '../../deploy/certs/issue.ts';
import { formatBundle, isTrusted, only, overlap, readable } from '../../pki/bundle.ts';
import { parseCertificateName, serviceNames } from '../../pki/names.ts';
import { runProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

const NOW = new Date();
const DAY_MS = 24 * 3600 * 1000;
const names = [...serviceNames('envtier-webhook', 'envtier-system'), 'localhost', '127.0.0.1', '::1'];

let place: Scratch;
let issued: IssuedCertificate;
beforeAll(async () => {
	place = await scratch('issue');
	issued = await issue({ service: 'envtier-webhook', names, days: 30, now: NOW });
	await writeFile(join(place.dir, 'ca.crt'), issued.caPem);
	await writeFile(join(place.dir, 'tls.crt'), issued.certPem);
});
afterAll(() => place.remove());

const openssl = (...args: readonly string[]) => runProcess({ command: 'openssl', args, cwd: place.dir });

describe('a certificate and its CA', () => {
	test.each(names.slice(0, -2).map((name) => ['-verify_hostname', name] as const))(
		'pass OpenSSL’s strict checks: %s %s',
		async (option, name) => {
			const args = ['-x509_strict', '-purpose', 'sslserver', option, name, '-CAfile', 'ca.crt', 'tls.crt'];
			const { code, stdout, stderr } = await openssl('verify', ...args);
			expect([code, stdout, stderr]).toEqual([0, 'tls.crt: OK\n', '']);
		},
	);

	test.each(['127.0.0.1', '::1'])('hold for the address %s', async (address) => {
		const args = ['-x509_strict', '-verify_ip', address, '-CAfile', 'ca.crt', 'tls.crt'];
		expect((await openssl('verify', ...args)).code).toBe(0);
	});

	test('are refused for another name', async () => {
		const args = ['-verify_hostname', 'vault.envtier-system.svc', '-CAfile', 'ca.crt', 'tls.crt'];
		expect((await openssl('verify', ...args)).code).not.toBe(0);
	});

	test('are accepted by Python with VERIFY_X509_STRICT, its default from 3.13 on', async () => {
		const server = createServer({ cert: issued.certPem, key: issued.keyPem }, (_, response) =>
			response.end(),
		);
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const script = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection(('127.0.0.1', int(sys.argv[2]))) as plain:
    with context.wrap_socket(plain, server_hostname='envtier-webhook.envtier-system.svc') as tls:
        print(tls.version())`;
		try {
			const { port } = server.address() as AddressInfo;
			const args = ['-c', script, join(place.dir, 'ca.crt'), String(port)];
			const { stdout, stderr } = await runProcess({ command: 'python3', args });
			expect([stdout, stderr]).toEqual(['TLSv1.3\n', '']);
		} finally {
			server.close();
		}
	});

	test('are for serving alone, and the CA for nothing but its one certificate', async () => {
		const leaf = (await openssl('x509', '-noout', '-text', '-in', 'tls.crt')).stdout;
		expect(leaf).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
		expect(leaf).toMatch(/Key Usage: critical\s+Digital Signature\n/);
		expect(leaf).toMatch(/Extended Key Usage:\s*TLS Web Server Authentication\n/);
		const ca = (await openssl('x509', '-noout', '-text', '-in', 'ca.crt')).stdout;
		expect(ca).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
		expect(ca).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
	});

	test('hold from an hour ago, for clocks that are behind, to the day asked for', () => {
		for (const pem of [issued.caPem, issued.certPem]) {
			const { validFromDate, validToDate } = new X509Certificate(pem);
			expect(NOW.getTime() - validFromDate.getTime()).toBeGreaterThanOrEqual(3_600_000 - 1000);
			expect(Math.abs(validToDate.getTime() - NOW.getTime() - 30 * DAY_MS)).toBeLessThan(1000);
		}
	});

	test('are new in key and serial number each time', async () => {
		const again = await issue({ service: 'envtier-webhook', names, days: 30, now: NOW });
		const [one, two] = [issued, again].map(({ certPem }) => new X509Certificate(certPem));
		expect(one?.serialNumber).not.toBe(two?.serialNumber);
		expect(one?.publicKey.equals(two?.publicKey ?? one.publicKey)).toBe(false);
		expect(issued.caPem).not.toBe(again.caPem);
	});
});

test.each([
	['envtier-webhook.envtier-system.svc', true],
	['*.example.com', true],
	['10.0.0.1', true],
	['fd00::1', true],
	['a_b', false],
	['https://webhook', false],
	['webhook:8443', false],
	['', false],
	[`${'a'.repeat(64)}.example`, false],
])('"%s" as a certificate’s name: %s', (text, good) => {
	expect(parseCertificateName(text).ok).toBe(good);
});

describe('what is trusted during a rotation', () => {
	const make = async (now: Date, days = 30) => {
		const made = await issue({ service: 'envtier-webhook', names: ['localhost'], days, now });
		return { ca: new X509Certificate(made.caPem), leaf: new X509Certificate(made.certPem) };
	};
	let old: Awaited<ReturnType<typeof make>>;
	let fresh: Awaited<ReturnType<typeof make>>;
	let expired: Awaited<ReturnType<typeof make>>;
	beforeAll(async () => {
		old = await make(new Date(NOW.getTime() - 5 * DAY_MS));
		fresh = await make(NOW);
		expired = await make(new Date(NOW.getTime() - 5 * DAY_MS), 1);
	});

	test('the old and the new CA, but none that has expired, each once', () => {
		const both = overlap([expired.ca, old.ca, old.ca], [old.ca, fresh.ca], NOW);
		expect(readable(formatBundle(both)).map((one) => one.fingerprint256)).toEqual([
			old.ca.fingerprint256,
			fresh.ca.fingerprint256,
		]);
		expect([old.leaf, fresh.leaf].map((leaf) => isTrusted(leaf, both))).toEqual([true, true]);
	});

	test('in the end the new CA alone', () => {
		const end = only(fresh.ca, [old.ca, fresh.ca]);
		expect(end).toEqual({ ok: true, value: [fresh.ca] });
		expect(isTrusted(old.leaf, [fresh.ca])).toBe(false);
	});

	test('not while something newer is trusted: someone else rotates', () => {
		expect(only(old.ca, [old.ca, fresh.ca])).toMatchObject({ ok: false, error: /another rotation/ });
	});

	test('not what cannot be read', () => {
		const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
		expect(readable(`junk ${broken}${formatBundle([old.ca])}`)).toHaveLength(1);
	});
});
