import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The longest download, in ms. */
const TIMEOUT = 300_000;

/**
 * The file with this machine's CAs, for downloads through a proxy with its own CA: NODE_EXTRA_CA_CERTS, or
 * OWN_CA_CERTS, to which the Makefile renames it, then SSL_CERT_FILE, then npm's setting `cafile`. Undefined
 * when none is set.
 */
export async function ownCaFile(): Promise<string | undefined> {
	const { NODE_EXTRA_CA_CERTS: extra, OWN_CA_CERTS: own, SSL_CERT_FILE: system } = process.env;
	const named = extra || own || system;
	if (named) return named;
	const { stdout } = await run('npm', ['config', 'get', 'cafile']).catch(() => ({ stdout: '' }));
	const configured = stdout.trim();
	return configured !== '' && configured !== 'null' ? configured : undefined;
}

/**
 * Downloads the archive of an npm package. Rejects with npm's own words.
 *
 * @param spec the package and its version, `NAME@VERSION`
 * @param into the folder for the archive
 * @returns the path of the archive
 */
export async function npmPack(spec: string, into: string): Promise<string> {
	const ca = await ownCaFile();
	const env = ca === undefined ? process.env : { ...process.env, NODE_EXTRA_CA_CERTS: ca };
	const args = ['pack', '--loglevel=error', `--pack-destination=${into}`, spec];
	const { stdout } = await run('npm', args, { env, timeout: TIMEOUT });
	return join(into, stdout.trim().split('\n').at(-1) ?? '');
}
