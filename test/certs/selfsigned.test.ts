import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';

/** Key identifiers under their node-forge names, which `selfsigned` uses for its other extensions. */
const IDENTIFIERS = [
	{ name: 'subjectKeyIdentifier' },
	{ name: 'authorityKeyIdentifier', keyIdentifier: true },
] as const;

const ECDSA = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** When this fails, `selfsigned` can issue what pki/ needs: see ADR 61. */
test('selfsigned writes no key identifiers, so OpenSSL’s strict checks refuse its certificates', async () => {
	const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
	onTestFinished(() => warn.mockRestore());
	const directory = await scratch('selfsigned');
	onTestFinished(() => directory.remove());
	// The types of the library know no key identifiers.
	const extensions = (own: readonly object[]) => [...own, ...IDENTIFIERS] as never;
	const ca = await generate([{ name: 'commonName', value: 'CA' }], {
		...ECDSA,
		extensions: extensions([
			{ name: 'basicConstraints', cA: true, critical: true },
			{ name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
		]),
	});
	const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
		...ECDSA,
		ca: { cert: ca.cert, key: ca.private },
		extensions: extensions([
			{ name: 'basicConstraints', cA: false, critical: true },
			{ name: 'extKeyUsage', serverAuth: true },
			{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
		]),
	});
	await writeFile(join(directory.dir, 'ca.crt'), ca.cert);
	await writeFile(join(directory.dir, 'tls.crt'), leaf.cert);
	const verify = (...options: readonly string[]) =>
		runProcess({
			command: 'openssl',
			args: ['verify', ...options, '-CAfile', 'ca.crt', 'tls.crt'],
			cwd: directory.dir,
		});
	expect((await verify()).code).toBe(0);
	const strict = await verify('-x509_strict');
	expect(strict.code).not.toBe(0);
	expect(strict.stderr).toMatch(/Missing (Subject|Authority) Key Identifier/i);
	expect(warn).toHaveBeenCalledWith('Unknown extension "subjectKeyIdentifier" ignored');
});
