import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeServingPair, type ServingPair } from './certificate.ts';

/**
 * The certificate in a directory: `cert.pem`, `key.pem` and the CA to trust in `ca.pem` (without that file,
 * `cert.pem`). Creates them for `host` if there is no certificate.
 */
export async function servingPairFromDirectory(dir: string, host: string): Promise<ServingPair> {
	const [certPem, keyPem, caPem] = await Promise.all(
		['cert.pem', 'key.pem', 'ca.pem'].map((name) => readIfExists(join(dir, name))),
	);
	if (certPem !== undefined && keyPem !== undefined) return { certPem, keyPem, caPem: caPem ?? certPem };
	if (certPem !== undefined || keyPem !== undefined) {
		throw new Error(`${dir} has only one of cert.pem and key.pem; give both, or neither to have them made`);
	}
	const pair = await makeServingPair(host);
	await mkdir(dir, { recursive: true });
	await Promise.all([
		writeFile(join(dir, 'cert.pem'), pair.certPem),
		writeFile(join(dir, 'key.pem'), pair.keyPem, { mode: 0o600 }),
		writeFile(join(dir, 'ca.pem'), pair.caPem),
	]);
	return pair;
}

async function readIfExists(file: string): Promise<string | undefined> {
	try {
		return await readFile(file, 'utf8');
	} catch (thrown) {
		if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
		throw thrown;
	}
}
