import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Namespaces, NODE_IP } from './namespaces.ts';

/** What the names of Services end in. */
export const CLUSTER_DOMAIN = 'cluster.local';

/** What the name server works with. */
export interface DnsOptions {
	/** Path of a CoreDNS. */
	readonly command: string;
	readonly dir: string;
	/** Path of a kubeconfig for somebody who may list Services, EndpointSlices and namespaces. */
	readonly kubeconfig: string;
}

/** Where it says that it knows the cluster's Services. */
const READY_PORT = 8181;

/**
 * Starts the cluster's name server on the node's address; it answers when this resolves. It knows only names
 * of the cluster.
 */
export async function startDns(namespaces: Namespaces, options: DnsOptions): Promise<void> {
	const { command, dir, kubeconfig } = options;
	const file = join(dir, 'Corefile');
	await writeFile(
		file,
		`.:53 {
	bind ${NODE_IP}
	ready ${NODE_IP}:${READY_PORT}
	errors
	kubernetes ${CLUSTER_DOMAIN} {
		kubeconfig ${kubeconfig}
	}
}
`,
	);
	const running = await namespaces.start({
		name: 'coredns',
		command,
		args: ['-conf', file],
		logFile: join(dir, 'coredns.log'),
	});
	const address = `http://${NODE_IP}:${READY_PORT}/ready`;
	// Inside, for no interface leads there from here.
	const asks = ['-e', `fetch('${address}').then((answer) => process.exit(answer.ok ? 0 : 1))`];
	await running.waitUntil(
		'it knows the cluster',
		async () => (await namespaces.run({ command: process.execPath, args: asks })).code === 0,
		{ everyMs: 500, timeoutMs: 90_000 },
	);
}
