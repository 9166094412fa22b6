import { join } from 'node:path';
import type { ProcessOptions, RunningProcess } from '../process.ts';

/** Starts a process somewhere: on this machine as it is, or inside a node's namespaces. */
export type Start = (options: ProcessOptions) => Promise<RunningProcess>;

/** Starts an etcd for one API server, on loopback only, with its data in `dir`. The API server uses `url`. */
export async function startEtcd(
	start: Start,
	command: string,
	{ dir, port, peerPort }: { readonly dir: string; readonly port: number; readonly peerPort: number },
): Promise<{ readonly url: string; readonly process: RunningProcess }> {
	const url = `http://127.0.0.1:${port}`;
	const peer = `http://127.0.0.1:${peerPort}`;
	const process = await start({
		name: 'etcd',
		command,
		args: [
			`--data-dir=${join(dir, 'etcd')}`,
			// Nothing here has to survive a power cut.
			'--unsafe-no-fsync',
			`--listen-client-urls=${url}`,
			`--advertise-client-urls=${url}`,
			`--listen-peer-urls=${peer}`,
			`--initial-advertise-peer-urls=${peer}`,
			`--initial-cluster=default=${peer}`,
		],
		logFile: join(dir, 'etcd.log'),
	});
	return { url, process };
}
