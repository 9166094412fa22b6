import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCgroup } from '../../support/kubernetes/node/cgroups.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { startProcess } from '../../support/process.ts';
import { until } from '../../support/until.ts';
import { processesOf } from './support/processes.ts';

describeWithNode('a node whose supervising process is killed', () => {
	test('leaves no process, mount or interface behind', { timeout: 180_000 }, async () => {
		const interfaces = readdirSync('/sys/class/net');
		const supervisor = await startProcess({
			name: 'a lone node',
			command: process.execPath,
			args: [join(import.meta.dirname, 'lone-node.ts')],
			env: process.env,
		});
		try {
			await supervisor.waitUntil('a pod runs', () => supervisor.stdout().includes('\n'), {
				timeoutMs: 150_000,
			});
			const { dir } = JSON.parse(supervisor.stdout()) as { dir: string };
			const running = processesOf(dir).join('\n');
			for (const program of ['etcd', 'kube-apiserver', 'containerd', 'kubelet', 'kube-proxy']) {
				expect(running).toContain(program);
			}
			// To the one process alone: nothing may depend on its saying good-bye.
			process.kill(supervisor.pid, 'SIGKILL');
			await until('every process to be gone', () => processesOf(dir).length === 0);
			expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(dir);
			expect(readdirSync('/sys/class/net')).toEqual(interfaces);
			// What no kernel takes away: its files, and cgroups without a process.
			await (await makeCgroup(basename(dir)))();
			await rm(dir, { recursive: true });
			expect(existsSync(dir)).toBe(false);
		} finally {
			await supervisor.stop(0);
		}
	});
});
