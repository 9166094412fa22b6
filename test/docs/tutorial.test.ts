/** Runs the part of docs/tutorial.md that needs neither root nor a cluster. */
import { mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { freePort } from '../support/ports.ts';
import { onPath, runProcess } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';
import { ROOT } from './support/pages.ts';
import { tutorialSteps } from './support/tutorial.ts';

test.skipIf(onPath('curl') === undefined)(
	'the commands of docs/tutorial.md, “Without root”, print what the page says (needs curl)',
	{ timeout: 240_000 },
	async () => {
		const { steps, script, told } = tutorialSteps('Without root');
		expect(steps.length).toBeGreaterThan(3);
		const { dir, remove } = await scratch('tutorial');
		try {
			// A checkout after `make build`, in which the commands may leave their files.
			const built = await runProcess({
				command: process.execPath,
				args: ['build.ts', `--out=${join(dir, 'dist')}`, 'api', 'fetcher', 'envtier'],
				cwd: ROOT,
			});
			expect(built.code, built.stderr).toBe(0);
			await symlink(join(ROOT, 'examples'), join(dir, 'examples'));
			await mkdir(join(dir, 'dev'));
			await symlink(join(ROOT, 'dev/vault'), join(dir, 'dev/vault'));
			await mkdir(join(dir, 'bin'));
			await symlink(join(dir, 'dist/envtier.mjs'), join(dir, 'bin/envtier'));
			const ports = { '8200': await freePort(), '8210': await freePort() };
			const ran = await runProcess({
				command: 'bash',
				args: [
					...['--norc', '--noprofile', '-euo', 'pipefail', '-c'],
					script.replaceAll(/\b(8200|8210)\b/g, (port) => String(ports[port as keyof typeof ports])),
				],
				cwd: dir,
				env: { PATH: `${join(dir, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}`, HOME: dir },
				timeoutMs: 120_000,
			});
			expect([ran.code, ran.stderr]).toEqual([0, '']);
			expect(told(ran.stdout)).toEqual(steps.map(({ printed }) => printed));
		} finally {
			await remove();
		}
	},
);
