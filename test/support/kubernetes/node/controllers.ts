import { join } from 'node:path';
import { FILES } from '../kube-apiserver.ts';
import type { Program } from '../sources.ts';
import { NODE_NAME } from './kubelet.ts';
import type { Namespaces } from './namespaces.ts';

/** What the programs that turn wishes into pods and addresses work with. */
export interface Controllers {
	readonly paths: Readonly<Record<Program, string>>;
	readonly dir: string;
	/** Path of a kubeconfig for a user of the cluster. */
	readonly kubeconfigFor: (user: string) => Promise<string>;
}

/** Starts controller-manager, scheduler and proxy. */
export async function startControllers(namespaces: Namespaces, options: Controllers): Promise<void> {
	const { paths, dir, kubeconfigFor } = options;
	const start = async (name: Program, ...args: readonly string[]): Promise<void> => {
		const kubeconfig = await kubeconfigFor(`system:${name}`);
		await namespaces.start({
			name,
			command: paths[name],
			args: [`--kubeconfig=${kubeconfig}`, ...args],
			logFile: join(dir, `${name}.log`),
		});
	};
	await start(
		'kube-controller-manager',
		`--service-account-private-key-file=${join(dir, FILES.tokenPrivate)}`,
		`--root-ca-file=${join(dir, FILES.ca)}`,
		'--use-service-account-credentials',
		'--bind-address=127.0.0.1',
		'--leader-elect=false',
	);
	await start('kube-scheduler', '--bind-address=127.0.0.1', '--leader-elect=false');
	await start(
		'kube-proxy',
		'--proxy-mode=iptables',
		'--cluster-cidr=10.88.0.0/16',
		`--hostname-override=${NODE_NAME}`,
		'--bind-address=127.0.0.1',
		// Not ours to set: the connection table belongs to the whole machine.
		'--conntrack-max-per-core=0',
	);
}
