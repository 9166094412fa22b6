import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { cacheDir } from '../../support/cache.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { type Finished, runProcess } from '../../support/process.ts';
import { scratch } from '../../support/scratch.ts';
import { until } from '../../support/until.ts';
import { processesOf } from './support/processes.ts';

const ROOT = join(import.meta.dirname, '../../..');
const OWN_CONFIG = 'apiVersion: v1\nkind: Config\ncurrent-context: mine\n';

/** What each command that `make cluster` prints is to print, all of which are run in order. */
const PRINTS: readonly (readonly [command: RegExp, text: RegExp])[] = [
	[/get pods -A/, /envtier-webhook-.* 1\/1 +Running/],
	[/logs deployment\/web -c main/, /^It's "only" an example, from eu-north-1 at log level warn$/m],
	[/logs deployment\/web -c envtier-fetch/, /LOG_LEVEL/],
	[/get pod -l app=web -o yaml/, /name: envtier-fetch/],
	[/exec deployment\/web/, /^export REGION='eu-north-1'$/m],
	[/run typo/, /denied the request:.*did you mean envtier\.dev\/service\?/s],
	[/run hello/, /pod\/hello created/],
	[/bao kv put/, /version +2/],
	[/rollout restart/, /restarted/],
	[/setup\.sh role shop_web/, /role shop_web of auth\/kubernetes grants envtier_session,/],
];

describeWithNode('make cluster', () => {
	test('prints commands that work, and make cluster-down leaves nothing', { timeout: 400_000 }, async () => {
		const files = await scratch('make-cluster');
		const place = join(files.dir, 'cluster');
		const own = join(files.dir, 'kubeconfig');
		await mkdir(join(files.dir, '.kube'));
		for (const file of [own, join(files.dir, '.kube/config')]) await writeFile(file, OWN_CONFIG);
		const interfaces = readdirSync('/sys/class/net');
		// As somebody's whose kubeconfig leads elsewhere.
		const env = {
			PATH: process.env['PATH'],
			HOME: files.dir,
			KUBECONFIG: own,
			ENVTIER_TEST_CACHE: cacheDir(),
		};
		const make = (target: string): Promise<Finished> =>
			runProcess({
				command: 'make',
				args: ['--no-print-directory', target, `CLUSTER=${place}`],
				cwd: ROOT,
				env,
				timeoutMs: 300_000,
			});
		try {
			const up = await make('cluster');
			expect([up.code, up.stderr], up.stdout).toEqual([0, '']);
			expect(up.stdout).toMatch(/^\[\d+ s\] starting OpenBao$/m);
			const dir = dirname(/export KUBECONFIG=(\S+)/.exec(up.stdout)?.[1] ?? '');
			expect(processesOf(dir).length).toBeGreaterThan(5);

			const lines = up.stdout.split('\n').filter((line) => line.startsWith('  '));
			const exports = lines.filter((line) => line.startsWith('  export '));
			const commands = lines.filter((line) => !exports.includes(line));
			expect(commands).toHaveLength(PRINTS.length);
			for (const [i, command] of commands.entries()) {
				const [wanted, text] = PRINTS[i] ?? [];
				expect(command).toMatch(wanted ?? /^$/);
				let said = '';
				const look = async (): Promise<boolean> => {
					const args = ['-c', [...exports, command].join('\n')];
					const { stdout, stderr } = await runProcess({ command: 'bash', args, cwd: ROOT, env });
					said = stdout + stderr;
					return text?.test(said) ?? false;
				};
				// The application needs a moment; a command that changes something says so at once.
				const limit = i < 5 ? { timeoutMs: 90_000, everyMs: 500 } : { timeoutMs: 0 };
				await until(`"${command}" to print ${text}`, look, limit).catch((thrown: unknown) => {
					throw new Error(`${String(thrown)}\n${said}`, { cause: thrown });
				});
			}
			const again = await make('cluster');
			expect([again.code, again.stderr]).toEqual([0, '']);
			expect(again.stdout).not.toMatch(/^\[\d+ s\]/m);

			const down = await make('cluster-down');
			expect([down.code, down.stdout]).toEqual([0, expect.stringContaining('The cluster is gone')]);
			expect(processesOf(dir)).toEqual([]);
			expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(basename(dir));
			expect(readdirSync('/sys/class/net')).toEqual(interfaces);
			expect(readdirSync(dirname(dir))).not.toContain(basename(dir));
			expect(readdirSync(place)).toEqual(['log']);
			expect(statSync(place).mode & 0o077).toBe(0);
			expect((await make('cluster-down')).stdout).toContain('No cluster runs.');
			for (const file of [own, join(files.dir, '.kube/config')])
				expect(await readFile(file, 'utf8')).toBe(OWN_CONFIG);
		} finally {
			await make('cluster-down');
			await files.remove();
		}
	});
});
