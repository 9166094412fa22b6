import { join } from 'node:path';
import { err, ok, type Result } from '../../../../contract/result.ts';
import { preparePrograms } from '../programs.ts';
import { NODE_NAME } from './kubelet.ts';
import type { Node } from './node.ts';

const PROGRAM = 'kube-network-policies';
/** The queue of the kernel that the program reads: it is in its main.go. */
const QUEUE = '100';
const CHAIN = 'NETWORK-POLICIES';

/**
 * The first packet of each connection from or to a pod goes to the program, which accepts or drops it. Its
 * own rules need the `queue` expression of nftables, which not every kernel has; xtables has another one.
 * These also cover what pods send to the node itself: API server, name server, Vault.
 *
 * Packets of the node's own programs pass, such as a probe of the kubelet. Without the program all packets
 * pass (`--queue-bypass`).
 */
const RULES: readonly (readonly string[])[] = [
	['-N', CHAIN],
	['-A', CHAIN, '-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'RETURN'],
	['-A', CHAIN, '-m', 'addrtype', '--src-type', 'LOCAL', '-j', 'RETURN'],
	['-A', CHAIN, '-j', 'NFQUEUE', '--queue-num', QUEUE, '--queue-bypass'],
	// Before the source address changes, and after the destination has.
	['-A', 'POSTROUTING', '-j', CHAIN],
	['-A', 'INPUT', '-j', CHAIN],
];

/**
 * Has a node enforce network policies, as long as it runs, with kube-network-policies. It does when this
 * resolves. The error says what this machine lacks.
 */
export async function enforceNetworkPolicies({
	namespaces,
	kubeconfigFor,
	dir,
}: Pick<Node, 'namespaces' | 'kubeconfigFor' | 'dir'>): Promise<Result<undefined>> {
	const programs = await preparePrograms([PROGRAM]);
	if (!programs.ok) return programs;
	for (const rule of RULES) {
		const args = ['--wait', '--table', 'mangle', ...rule];
		const { code, stderr } = await namespaces.run({ command: 'iptables', args });
		if (code !== 0) return err(`iptables ${args.join(' ')} failed: ${stderr.trim()}`);
	}
	const kubeconfig = await kubeconfigFor(PROGRAM, ['system:masters']);
	const running = await namespaces.start({
		name: PROGRAM,
		command: programs.value[PROGRAM],
		args: [kubeconfig, NODE_NAME],
		logFile: join(dir, `${PROGRAM}.log`),
	});
	const queues = { command: 'cat', args: ['/proc/net/netfilter/nfnetlink_queue'] };
	const reads = async (): Promise<boolean> =>
		new RegExp(`^ *${QUEUE} `, 'm').test((await namespaces.run(queues)).stdout);
	await running.waitUntil('it reads its queue', reads, { everyMs: 200 });
	return ok(undefined);
}
