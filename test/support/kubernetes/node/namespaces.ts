import { readFile } from 'node:fs/promises';
import { type ProcessOptions, type RunningProcess, runProcess, startProcess } from '../../process.ts';
import type { Start } from '../etcd.ts';

/** The node's address, on a bridge that exists in its network namespace alone. */
export const NODE_IP = '10.89.0.1';

/**
 * The namespaces of a node's programs: mounts, network and process ids. When it ends, everything in it ends.
 */
export interface Namespaces {
	/** Starts a process inside. */
	readonly start: Start;
	/** Runs one to its end inside. */
	readonly run: typeof runProcess;
	/** What comes before a command so that it runs inside, for a person at a prompt. */
	readonly prefix: readonly string[];
	stop(): Promise<void>;
}

/**
 * The network of the cluster's Services. A call from the node, such as from the API server to a webhook,
 * needs a route before kube-proxy's rules redirect it to a pod.
 */
const SERVICES = '10.96.0.0/16';

/**
 * The script of the first process inside. Its mounts are private, and the fixed paths of the node's programs
 * (/run, /var/lib/cni, /var/log/containers) stay inside. Then it becomes an init that reaps processes.
 */
const PREPARE = `
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir /run/upper
for dir in lib log; do
	mkdir -p /run/upper/$dir /run/upper/.$dir
	mount -t overlay overlay -o "lowerdir=/var/$dir,upperdir=/run/upper/$dir,workdir=/run/upper/.$dir" "/var/$dir"
done
ip link set lo up
ip link add node0 type bridge
ip addr add ${NODE_IP}/32 dev node0
ip link set node0 up
ip route add ${SERVICES} dev node0
echo inside
exec catatonit -P
`;

/** Makes the namespaces; needs root. */
export async function openNamespaces(): Promise<Namespaces> {
	const outer = await startProcess({
		name: 'the node’s namespaces',
		command: 'unshare',
		// --kill-child: when unshare ends, the kernel kills the init of the process namespace, and all processes in
		// it.
		args: [
			...['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'],
			...['sh', '-c', PREPARE],
		],
	});
	try {
		await outer.waitUntil('it is set up', () => outer.stdout().includes('inside'));
		const init = await onlyChild(outer);
		const prefix = ['nsenter', `--target=${init}`, '--net', '--mount', '--pid', '--'];
		const inside = <T extends ProcessOptions>({ command, args = [], ...options }: T) => ({
			name: command,
			...options,
			command: 'nsenter',
			args: [...prefix.slice(1), command, ...args],
		});
		return {
			prefix,
			start: (options) => startProcess(inside(options)),
			run: (options) => runProcess(inside(options)),
			stop: async () => {
				await outer.stop(0);
			},
		};
	} catch (thrown) {
		await outer.stop(0);
		throw thrown;
	}
}

/** The process id, as seen from here, of what unshare forked. */
async function onlyChild({ pid }: RunningProcess): Promise<number> {
	const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
	const child = Number(children.trim());
	if (!Number.isInteger(child) || child === 0) throw new Error(`unshare has no single child: "${children}"`);
	return child;
}
