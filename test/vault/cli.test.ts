import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseCommand } from '../../dev/vault/cli.ts';
import { call } from '../support/http.ts';
import { type RunningProcess, runProcess, startProcess } from '../support/process.ts';
import { makeAuthority } from '../support/tls.ts';

const MAIN = new URL('../../dev/vault/main.ts', import.meta.url).pathname;

let dir: string;
beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), 'envtier-dev-vault-'));
	await writeFile(join(dir, 'vault.yaml'), 'orgs: {acme: {LOG_LEVEL: hush-hush, my.secret: hush-hush}}');
});
afterEach(() => rm(dir, { recursive: true }));

const command = (...args: string[]) => ({ command: process.execPath, args: [MAIN, ...args], cwd: dir });

async function serving(...args: string[]): Promise<RunningProcess & { addr: string; rootToken: string }> {
	const running = await startProcess(command('--file', 'vault.yaml', ...args));
	await running.waitUntil('it serves', () => running.stdout().includes('serving'));
	const field = (name: string) => new RegExp(`^${name} +(.+)$`, 'm').exec(running.stdout())?.[1] ?? '';
	return { ...running, addr: field('address'), rootToken: field('root token') };
}

describe('the command', () => {
	test('says first of all that it is for development only, then where it is', async () => {
		await using vault = await serving();
		const lines = vault.stdout().split('\n');
		expect(lines[0]).toMatch(/^=+ {2}FOR DEVELOPMENT ONLY {2}=+$/);
		expect(vault.stdout()).toMatch(/keeps everything in memory/);
		expect(vault.stdout()).toMatch(/no signature is checked, no API\nserver is asked/);
		const caPem = /-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n/s.exec(vault.stdout())?.[0];
		const headers = { 'x-vault-token': vault.rootToken };
		const url = `${vault.addr}/v1/secret/data/orgs/acme/secrets/LOG_LEVEL`;
		const { json } = await call({ url, headers, ...(caPem === undefined ? {} : { caPem }) });
		expect(json).toMatchObject({ data: { data: { value: 'hush-hush' } } });
	});

	test('warns of a key that no pod receives, and shows no value', async () => {
		await using vault = await serving();
		expect(vault.stdout()).toContain(`warning     orgs/acme/secrets/my.secret: no pod receives it`);
		expect(vault.output()).not.toContain('hush-hush');
	});

	test('makes a certificate in the directory that it is given, and serves that again', async () => {
		const tls = join(dir, 'tls');
		const ask = async (): Promise<string> => {
			await using vault = await serving('--tls-dir', tls, '--root-token', 'root-of-the-test');
			expect(vault.rootToken).toBe('root-of-the-test');
			expect(vault.stdout()).toContain(`CA          ${join(tls, 'ca.pem')}`);
			const caPem = await readFile(join(tls, 'ca.pem'), 'utf8');
			expect((await call({ url: `${vault.addr}/v1/sys/health`, caPem })).status).toBe(200);
			return caPem;
		};
		const first = await ask();
		expect((await stat(join(tls, 'key.pem'))).mode & 0o777).toBe(0o600);
		expect(await ask()).toBe(first);
	});

	test('serves a certificate that is there', async () => {
		const authority = await makeAuthority();
		const { certPem, keyPem } = await authority.issue();
		await writeFile(join(dir, 'cert.pem'), certPem);
		await writeFile(join(dir, 'key.pem'), keyPem);
		await using vault = await serving('--tls-dir', dir);
		expect((await call({ url: `${vault.addr}/v1/sys/health`, caPem: authority.certPem })).status).toBe(200);
	});

	test.each(['SIGTERM', 'SIGINT'] as const)('ends on %s', async (signal) => {
		await using vault = await serving();
		vault.signal(signal);
		expect(await vault.exited).toEqual({ code: 0, signal: null });
	});

	test('listens where it is told', async () => {
		await using vault = await serving('--listen', '[::1]:0');
		expect(vault.addr).toMatch(/^https:\/\/\[::1\]:\d+$/);
	});
});

describe('the command refuses', () => {
	test.each([
		['no file', [], '--file is missing: the YAML file of secrets'],
		['an option that it does not know', ['--flie', 'x'], "Unknown option '--flie'"],
		['a word that is no option', ['--file', 'x', 'y'], /^Unexpected argument 'y'/],
		[
			'an address without port',
			['--file', 'x', '--listen', '127.0.0.1'],
			/^--listen "127.0.0.1" is not HOST:PORT/,
		],
		['a port that is none', ['--file', 'x', '--listen', 'localhost:70000'], /is not HOST:PORT/],
		['an address that is no IPv6', ['--file', 'x', '--listen', '[::x]:0'], /is not HOST:PORT/],
	])('%s', (_, args, message) => {
		expect(parseCommand(args)).toEqual({ ok: false, error: expect.stringMatching(message) });
	});

	test('what it was not meant for with exit code 2 and its usage', async () => {
		const done = await runProcess(command());
		expect(done).toMatchObject({ code: 2, stdout: '' });
		expect(done.stderr).toContain('--file is missing');
		expect(done.stderr).toContain('node dev/vault/main.ts --file FILE');
	});

	test('a file that is not there', async () => {
		const done = await runProcess(command('--file', 'absent.yaml'));
		expect(done).toMatchObject({
			code: 1,
			stdout: '',
			stderr: "dev/vault: can't read absent.yaml: ENOENT\n",
		});
	});

	test('a faulty file, by line, without a value', async () => {
		await writeFile(join(dir, 'vault.yaml'), 'orgs:\n  acme: {A/B: hush-hush}\n');
		const done = await runProcess(command('--file', 'vault.yaml'));
		expect(done).toMatchObject({ code: 1, stdout: '' });
		expect(done.stderr).toContain('vault.yaml:2:10: orgs.acme.A/B');
		expect(done.stderr).not.toContain('hush-hush');
	});

	test('half a certificate', async () => {
		await writeFile(join(dir, 'cert.pem'), 'x');
		const done = await runProcess(command('--file', 'vault.yaml', '--tls-dir', dir));
		expect(done).toMatchObject({ code: 1, stdout: '' });
		expect(done.stderr).toContain('has only one of cert.pem and key.pem');
	});

	test('nothing when it is asked for help', async () => {
		const done = await runProcess(command('--help'));
		expect(done).toMatchObject({ code: 0, stderr: '' });
		expect(done.stdout).toContain('For development only.');
	});
});
