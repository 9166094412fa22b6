/** The audit device, by setup.sh and by the command, where it is enabled over the API and where it is not. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { envtier } from '../cli/support/command.ts';
import { startOpenBao } from '../support/openbao.ts';
import { ensureBao } from '../support/openbao-binary.ts';
import { freePort } from '../support/ports.ts';
import { type RunningProcess, runProcess, startProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';
import { administratorOf } from '../support/vault-setup.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/vault/setup.sh');

/** Both ways to set it up. They say the same. */
const WAYS = {
	'setup.sh audit': async (env: NodeJS.ProcessEnv, file: string) =>
		await runProcess({ command: 'sh', args: [SCRIPT, 'audit', '--file', file], env }),
	'envtier vault setup-audit --apply': (env: NodeJS.ProcessEnv, file: string) =>
		envtier(['vault', 'setup-audit', '--apply', '--file', file], { env }),
} as const;

let place: Scratch;
beforeAll(async () => {
	place = await scratch('audit-device');
});
afterAll(() => place?.remove());

/** An OpenBao as it ships, which takes no audit devices over its API. */
async function startStrict(
	port: number,
	config: string | undefined,
): Promise<{ process: RunningProcess; env: NodeJS.ProcessEnv }> {
	const { path } = await ensureBao();
	const certificates = join(place.dir, `tls-${port}`);
	if (!existsSync(certificates)) await mkdir(certificates);
	const dev = ['-dev', '-dev-tls', `-dev-tls-cert-dir=${certificates}`, '-dev-root-token-id=root'];
	const more = ['-dev-no-store-token', `-dev-listen-address=127.0.0.1:${port}`];
	const running = await startProcess({
		name: 'openbao',
		command: path,
		args: ['server', ...dev, ...more, ...(config === undefined ? [] : [`-config=${config}`])],
		env: { PATH: process.env['PATH'], HOME: place.dir },
		cwd: place.dir,
	});
	const authority = join(certificates, 'vault-ca.pem');
	await until('OpenBao to listen', () => existsSync(authority) && running.output().includes('Root Token'));
	const access = { VAULT_ADDR: `https://127.0.0.1:${port}`, VAULT_TOKEN: 'root', VAULT_CACERT: authority };
	return {
		process: running,
		env: { PATH: process.env['PATH'], HOME: place.dir, VAULT_CLI: path, ...access },
	};
}

describe.each(Object.entries(WAYS))('%s', (name, setUp) => {
	test('enables the device where the API may, and a second run changes nothing', async () => {
		const bao = await startOpenBao();
		try {
			const file = join(bao.dir, 'envtier-audit.log');
			const env = { ...(await administratorOf(bao)), VAULT_CACERT: bao.caFile };
			const first = await setUp(env, file);
			expect([first.code, first.stderr]).toEqual([0, '']);
			const again = await setUp(env, file);
			expect([again.code, again.stderr]).toEqual([0, '']);
			await bao.request('GET', 'secret/data/looked-for-in-the-log');
			expect(await readFile(file, 'utf8')).toContain('secret/data/looked-for-in-the-log');
		} finally {
			await bao.stop();
		}
	});

	test('prints the lines where the configuration alone decides; with them the device is there', async () => {
		const file = join(place.dir, `${name.replace(/\W+/g, '-')}.log`);
		const port = await freePort();
		const before = await startStrict(port, undefined);
		const printed = await setUp(before.env, file).finally(() => before.process.stop());
		expect([printed.code, printed.stderr]).toEqual([1, expect.stringContaining('configuration alone')]);
		expect(printed.stdout).toContain('audit "file" "envtier" {');
		const config = join(place.dir, `${port}.hcl`);
		await writeFile(config, printed.stdout);
		const after = await startStrict(port, config);
		try {
			const there = await setUp(after.env, file);
			expect([there.code, there.stderr]).toEqual([0, '']);
			expect(await readFile(file, 'utf8')).toContain('"type":"request"');
		} finally {
			await after.process.stop();
		}
	});

	test.each(['audit.log', '/a b', "/a'b", '/a"\n}'])('%j is no file', async (file) => {
		const { code } = await setUp({ PATH: process.env['PATH'], VAULT_CLI: (await ensureBao()).path }, file);
		expect(code).toBe(2);
	});
});

test('what both print without a server is the same stanza', async () => {
	const env = { PATH: process.env['PATH'], VAULT_CLI: (await ensureBao()).path };
	const script = await runProcess({ command: 'sh', args: [SCRIPT, '--print', 'audit'], env });
	const command = await envtier(['vault', 'setup-audit']);
	const stanza = (text: string): string => text.slice(text.indexOf('audit "file"'));
	expect([script.code, command.code]).toEqual([0, 0]);
	expect(stanza(script.stdout)).toBe(stanza(command.stdout));
});
