import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { installedBun } from '../../build/executable.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { runProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';
import { type Backend, startReal, vaultEnv } from './support/backends.ts';
import { buildFetcher, makePod, type Pod, type Run, runFetcher, startFetcher } from './support/fetcher.ts';

let fetcher: string;
let vault: Backend;
let pod: Pod;
beforeAll(async () => {
	[fetcher, vault] = await Promise.all([buildFetcher(), startReal()]);
	await putSecret(vault, 'orgs/acme/secrets/COLOUR', 'red');
});
afterAll(() => vault[Symbol.asyncDispose]());
beforeEach(async () => {
	pod = await makePod(vault.jwt());
});
afterEach(() => pod.scratch.remove());

const flag = (): string => join(pod.scratch.dir, 'flag');
const file = (name: string, content: string): string => {
	const path = join(pod.scratch.dir, name);
	writeFileSync(path, content);
	return path;
};
/** A program that leaves a trace. */
const trace = (): string =>
	file('trace.js', `require('node:fs').writeFileSync(${JSON.stringify(flag())}, '')`);

const fetch = (env: Readonly<Record<string, string>>, args: readonly string[] = []): Promise<Run> =>
	runFetcher(
		fetcher,
		pod,
		{ ...vaultEnv(vault), ENVTIER_TIERS: 'org', ...env },
		{ cwd: pod.scratch.dir, args },
	);

/** It did its work, said nothing besides its log, and nothing else ran. */
function expectAsEver(run: Run): void {
	expect([run.code, run.message, run.stderr]).toEqual([0, '', '']);
	expect(run.log).toHaveLength(1);
	expect(pod.files()).toEqual({ env: "export COLOUR='red'\n" });
	expect(existsSync(flag())).toBe(false);
}

describe('no variable of the environment but ENVTIER_* changes what the executable does:', () => {
	test.each<readonly [string, () => Readonly<Record<string, string>>]>([
		['BUN_OPTIONS loads no program', () => ({ BUN_OPTIONS: `--preload ${trace()}` })],
		['BUN_OPTIONS runs no text', () => ({ BUN_OPTIONS: `--print require('fs').writeFileSync('flag','')` })],
		['BUN_BE_BUN does not make it the command bun', () => ({ BUN_BE_BUN: '1' })],
		['BUN_INSPECT opens no debugger', () => ({ BUN_INSPECT: 'ws://127.0.0.1:0/x' })],
		['BUN_INSPECT_PRELOAD loads no program', () => ({ BUN_INSPECT_PRELOAD: trace() })],
		['BUN_INSPECT_CONNECT_TO calls nobody', () => ({ BUN_INSPECT_CONNECT_TO: '127.0.0.1:1' })],
		['BUN_CONFIG_VERBOSE_FETCH prints no request', () => ({ BUN_CONFIG_VERBOSE_FETCH: 'curl' })],
		[
			'BUN_CONFIG_* changes no runtime',
			() => ({ BUN_CONFIG_HTTP_IDLE_TIMEOUT: '0', BUN_CONFIG_NO_VERIFY: '1' }),
		],
		['NODE_OPTIONS loads no program', () => ({ NODE_OPTIONS: `--require ${trace()}` })],
		['NODE_PATH and NODE_DEBUG say nothing', () => ({ NODE_PATH: pod.scratch.dir, NODE_DEBUG: 'tls,http' })],
		['SSLKEYLOGFILE gets no keys', () => ({ SSLKEYLOGFILE: flag() })],
		[
			'proxies are not used',
			() => ({
				HTTPS_PROXY: 'http://127.0.0.1:1',
				https_proxy: 'http://127.0.0.1:1',
				ALL_PROXY: 'http://127.0.0.1:1',
			}),
		],
		[
			'crash reports go nowhere',
			() => ({ BUN_CRASH_REPORT_URL: 'http://127.0.0.1:1', BUN_ENABLE_CRASH_REPORTING: '1' }),
		],
	])('%s', async (_what, env) => {
		expectAsEver(await fetch(env()));
	});

	test.each<readonly [string, (ca: string) => Readonly<Record<string, string>>]>([
		['NODE_TLS_REJECT_UNAUTHORIZED', () => ({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })],
		['NODE_EXTRA_CA_CERTS', (ca) => ({ NODE_EXTRA_CA_CERTS: ca })],
		['SSL_CERT_FILE', (ca) => ({ SSL_CERT_FILE: ca, SSL_CERT_DIR: '/' })],
		['NODE_USE_SYSTEM_CA', (ca) => ({ NODE_USE_SYSTEM_CA: '1', SSL_CERT_FILE: ca })],
	])('%s makes no other server trusted, with a CA given and without', async (_name, env) => {
		const own = file('ca.pem', vault.caPem);
		for (const ENVTIER_VAULT_CA of [(await makeAuthority('Another CA')).certPem, '']) {
			const run = await fetch({ ...env(own), ENVTIER_VAULT_CA });
			expect([run.code, run.stderr]).toEqual([29, '']);
			expect(pod.files()).toEqual({});
		}
	});

	test('options of the engine are the exception: BUN_JSC_* is read, and an unknown one ends the process before it does anything', async () => {
		const running = await startFetcher(fetcher, pod, { ...vaultEnv(vault), BUN_JSC_noSuchOption: '1' });
		expect((await running.exited).code).toBe(1);
		expect([running.stdout(), pod.files()]).toEqual(['', {}]);
	});

	test('the variables that it keeps out do load programs into an executable of Bun as it is', async () => {
		const source = file('main.ts', 'console.log("main")');
		const plain = join(pod.scratch.dir, 'plain');
		await runProcess({ command: installedBun(), args: ['build', '--compile', source, `--outfile=${plain}`] });
		await runProcess({ command: plain, env: { BUN_OPTIONS: `--preload ${trace()}` } });
		expect(existsSync(flag())).toBe(true);
	});
});

describe('no file in the working directory changes what the executable does:', () => {
	test.each<readonly [string, () => string]>([
		['bunfig.toml', () => `preload = [${JSON.stringify(trace())}]\n`],
		['.env', () => 'ENVTIER_ORG=other\nENVTIER_FORMAT=json\n'],
		['.env.production', () => 'ENVTIER_ORG=other\n'],
		['tsconfig.json', () => 'no JSON at all'],
		['package.json', () => 'no JSON at all'],
		['node_modules', () => 'not a folder'],
	])('%s', async (name, content) => {
		file(name, content());
		expectAsEver(await fetch({}));
	});

	test('arguments are not read, either', async () => {
		expectAsEver(await fetch({}, ['--preload', trace(), '--version', '--inspect']));
	});
});
