import { X509Certificate } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeAuthority as makeStrictAuthority, validityFrom } from '../../../pki/authority.ts';
import { runProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';
import { makeAuthority } from '../../support/tls.ts';
import { make, parts } from './support.ts';

const DAY = 86_400_000;
let place: Scratch;
beforeAll(async () => {
	place = await scratch('tls-type');
});
afterAll(() => place.remove());

/** Runs openssl over the parts of a secret, each in a file of its name. */
async function openssl(folder: string, files: Record<string, string>, ...args: string[]): Promise<string> {
	const dir = join(place.dir, folder);
	await mkdir(dir, { recursive: true });
	for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
	const { code, stdout, stderr } = await runProcess({ command: 'openssl', args, cwd: dir });
	return code === 0 ? stdout : `failed: ${stdout}${stderr}`;
}

const strict = ['verify', '-x509_strict', '-check_ss_sig', '-policy_check', '-CAfile', 'caCert'];

test('openssl verify -x509_strict accepts the generated pairs, each for its end alone', async () => {
	const hosts = ['db.shop.svc', '*.shop.example', '10.0.0.7', '::1'];
	const made = await parts('tls', { name: 'DB', generate: { hosts, days: 30 } });
	expect(Object.keys(made)).toEqual(['caCert', 'serverCert', 'serverKey', 'clientCert', 'clientKey']);
	const run = (...args: string[]) => openssl('made', made, ...args);
	expect(await run(...strict, '-purpose', 'sslserver', 'serverCert')).toBe('serverCert: OK\n');
	expect(await run(...strict, '-purpose', 'sslclient', 'clientCert')).toBe('clientCert: OK\n');
	expect(await run(...strict, '-purpose', 'sslserver', 'clientCert')).toMatch(/^failed/);
	expect(await run(...strict, '-purpose', 'sslclient', 'serverCert')).toMatch(/^failed/);
	for (const name of ['db.shop.svc', 'web.shop.example'])
		expect(await run(...strict, '-verify_hostname', name, 'serverCert')).toBe('serverCert: OK\n');
	for (const ip of ['10.0.0.7', '::1'])
		expect(await run(...strict, '-verify_ip', ip, 'serverCert')).toBe('serverCert: OK\n');
	expect(await run(...strict, '-verify_hostname', 'other', 'serverCert')).toMatch(/^failed/);
	for (const end of ['server', 'client']) {
		const ofCert = await run('x509', '-in', `${end}Cert`, '-noout', '-pubkey');
		expect(await run('pkey', '-in', `${end}Key`, '-pubout')).toBe(ofCert);
	}
	expect(
		Object.values(made)
			.join('')
			.match(/PRIVATE KEY-----\n/g),
	).toHaveLength(4);
});

test('the expiry is that of the certificates, to the second', async () => {
	const now = new Date('2026-05-04T03:02:01.999Z');
	const made = await make('tls', { now, generate: { hosts: ['a'], days: 1 } });
	if (typeof made === 'string') throw new Error(made);
	expect(made.expiresAt?.toISOString()).toBe('2026-05-05T03:02:01.000Z');
	expect(new X509Certificate(made.parts['serverCert'] ?? '').validToDate).toEqual(made.expiresAt);
});

test('after a renewal both the old and the new pair are trusted; the CA before the previous ones is not', async () => {
	const first = await make('tls', { generate: { hosts: ['a'] } });
	let current = first;
	for (let i = 0; i < 3; i += 1) {
		if (typeof current === 'string') throw new Error(current);
		const authorities: readonly string[] = current.authorities ?? [];
		const secret = { parts: new Set(Object.keys(current.parts)), authorities };
		const previous = current;
		current = await make('tls', { generate: { hosts: ['a'] }, current: secret });
		if (typeof current === 'string') throw new Error(current);
		const files = {
			caCert: current.parts['caCert'] ?? '',
			old: previous.parts['serverCert'] ?? '',
			own: current.parts['serverCert'] ?? '',
		};
		for (const file of ['old', 'own'])
			expect(await openssl(`renewed-${i}`, files, ...strict, file)).toBe(`${file}: OK\n`);
		expect(files.caCert.match(/BEGIN/g)).toHaveLength(Math.min(3, i + 2));
	}
	if (typeof first === 'string' || typeof current === 'string') throw new Error('refused');
	const files = { caCert: current.parts['caCert'] ?? '', first: first.parts['serverCert'] ?? '' };
	expect(await openssl('renewed-last', files, ...strict, 'first')).toMatch(/^failed/);
});

test.each<[string, object]>([
	['one day', { hosts: ['a'], days: 1 }],
	['ten years', { hosts: ['a'], days: 3650 }],
	['50 hosts', { hosts: Array.from({ length: 50 }, (_, i) => `h${i}`) }],
	['a host of 253 characters', { hosts: [`${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61)] }],
])('%s can be generated', async (_name, options) => {
	expect(typeof (await make('tls', { generate: options }))).toBe('object');
});

test.each<[string, object, RegExp]>([
	['no host', { generate: { hosts: [] } }, /generate\.hosts/],
	['no hosts at all', { generate: true }, /generate\.hosts is required/],
	['nothing', {}, /generate\.hosts is required, or the certificates/],
	['51 hosts', { generate: { hosts: Array.from({ length: 51 }, (_, i) => `h${i}`) } }, /generate\.hosts/],
	['a host that is a URL', { generate: { hosts: ['https://a'] } }, /generate\.hosts\.0 must be a DNS name/],
	['a host with a line break', { generate: { hosts: ['a\nb'] } }, /must be a DNS name/],
	[
		'a host of 254 characters',
		{ generate: { hosts: [`${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(62)] } },
		/DNS name/,
	],
	['zero days', { generate: { hosts: ['a'], days: 0 } }, /generate\.days/],
	['3651 days', { generate: { hosts: ['a'], days: 3651 } }, /generate\.days/],
	['both', { fields: { caCert: 'x' }, generate: { hosts: ['a'] } }, /exclude/],
	['a part of them', { fields: { caCert: 'x' } }, /are required together/],
	['more than 64 KiB', { fields: { caCert: 'x'.repeat(64 * 1024 + 1) } }, /at most 65536 bytes/],
])('%s: refused', async (_name, sent, message) => {
	expect(await make('tls', sent)).toMatch(message);
});

/** A CA with a server and a client of it, as fields. */
async function foreign(names: readonly string[] = ['db.example']) {
	const now = new Date();
	const ca = await makeStrictAuthority('Foreign', now, validityFrom(now, 30 * DAY), false);
	const server = await ca.issue(names, validityFrom(now, 20 * DAY));
	const client = await ca.issue([], validityFrom(now, 10 * DAY), 'client');
	const own = { serverCert: server.certPem, serverKey: server.keyPem };
	const ofClient = { clientCert: client.certPem, clientKey: client.keyPem };
	return { caCert: ca.certPem, ...own, ...ofClient };
}

test('certificates of another CA are taken, with or without a client; the first to end gives the expiry', async () => {
	const fields = await foreign();
	const made = await make('tls', { fields: { ...fields, hosts: ['db.example'] } });
	if (typeof made === 'string') throw new Error(made);
	expect(made.parts).toEqual(fields);
	expect(made.authorities).toEqual([fields.caCert]);
	expect(made.expiresAt).toEqual(new X509Certificate(fields.clientCert).validToDate);
	const { clientCert: _, clientKey: __, ...server } = fields;
	expect(await make('tls', { fields: server })).toMatchObject({
		parts: server,
		expiresAt: new X509Certificate(fields.serverCert).validToDate,
	});
});

test('a chain over an intermediate CA is taken; without the intermediate it is refused', async () => {
	const root = await makeAuthority('Root');
	const middle = await generate([{ name: 'commonName', value: 'Middle' }], {
		...{ keyType: 'ec', curve: 'P-256', algorithm: 'sha256' },
		ca: { cert: root.certPem, key: root.keyPem },
		extensions: [
			{ name: 'basicConstraints', cA: true, critical: true },
			{ name: 'keyUsage', keyCertSign: true, critical: true },
		],
	});
	const leaf = await generate([{ name: 'commonName', value: 'leaf' }], {
		...{ keyType: 'ec', curve: 'P-256', algorithm: 'sha256' },
		ca: { cert: middle.cert, key: middle.private },
		extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'db.example' }] }],
	});
	const fields = { caCert: root.certPem, serverKey: leaf.private };
	const whole = { ...fields, serverCert: `${leaf.cert}\n${middle.cert}` };
	expect(typeof (await make('tls', { fields: whole }))).toBe('object');
	expect(await make('tls', { fields: { ...fields, serverCert: leaf.cert } })).toMatch(/must lead to a CA/);
	const reversed = { ...fields, serverCert: `${middle.cert}\n${leaf.cert}` };
	expect(typeof (await make('tls', { fields: reversed }))).toBe('string');
});

test('what openssl would refuse is refused', async () => {
	const fields = await foreign();
	const other = await foreign();
	const weakNames = await foreign([]);
	const expired = await makeAuthority('Old');
	const old = await expired.issue({ expired: true });
	const cases: [string, object, RegExp][] = [
		['a key of another certificate', { ...fields, serverKey: other.serverKey }, /does not belong/],
		['another CA', { ...fields, caCert: other.caCert }, /serverCert must lead to a CA/],
		[
			'a client of another CA',
			{ ...fields, clientCert: other.clientCert, clientKey: other.clientKey },
			/clientCert must lead/,
		],
		['a client without its key', { ...fields, clientKey: undefined }, /clientCert and fields\.clientKey/],
		['no names', weakNames, /must have names/],
		['another name', { ...fields, hosts: ['other.example'] }, /must have the names other\.example/],
		['a leaf as CA', { ...fields, caCert: fields.serverCert }, /must hold CAs only/],
		[
			'a key in the field of the CA',
			{ ...fields, caCert: `${fields.caCert}${fields.serverKey}` },
			/without a private key/,
		],
		['no certificate', { ...fields, serverCert: 'canary' }, /fields\.serverCert must be PEM text/],
		['no key', { ...fields, serverKey: 'canary' }, /no PEM private key/],
		['11 certificates', { ...fields, serverCert: fields.serverCert.repeat(11) }, /at most 10/],
		[
			'an expired one',
			{ caCert: expired.certPem, serverCert: old.certPem, serverKey: old.keyPem },
			/is not valid now/,
		],
	];
	for (const [name, sent, message] of cases) {
		const refusal = await make('tls', { fields: sent });
		expect(refusal, name).toMatch(message);
		expect(refusal, name).not.toMatch(/canary|BEGIN/);
	}
});
