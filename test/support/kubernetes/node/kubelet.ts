import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { RunningProcess } from '../../process.ts';
import type { Authority } from '../../tls.ts';
import { FILES } from '../kube-apiserver.ts';
import { CLUSTER_DOMAIN } from './dns.ts';
import { type Namespaces, NODE_IP } from './namespaces.ts';

/** The node's name in the cluster. */
export const NODE_NAME = 'node1';

/**
 * Restart of all containers of a pod in place (KEP-5532): off by default in Kubernetes 1.35, whose kubelet
 * runs with Debian's containerd.
 */
export const IN_PLACE_RESTART_GATES = {
	ContainerRestartRules: true,
	NodeDeclaredFeatures: true,
	RestartAllContainersOnContainerExits: true,
} as const;

/** What a kubelet works with. */
export interface KubeletOptions {
	readonly command: string;
	readonly dir: string;
	readonly authority: Authority;
	/** Path of its kubeconfig. */
	readonly kubeconfig: string;
	/** Path of containerd's socket. */
	readonly runtime: string;
	/** The cgroup, from the root, that holds its pods. */
	readonly cgroup: string;
}

/** Starts the kubelet; the node becomes Ready some seconds later. */
export async function startKubelet(namespaces: Namespaces, options: KubeletOptions): Promise<RunningProcess> {
	const { dir, authority } = options;
	const serving = await authority.issue({ names: [NODE_NAME, NODE_IP] });
	await writeFile(join(dir, 'kubelet.crt'), serving.certPem);
	await writeFile(join(dir, 'kubelet.key'), serving.keyPem, { mode: 0o600 });
	// No name server but the cluster's is within reach: the node gets none rather than this machine's.
	await writeFile(join(dir, 'resolv.conf'), '');
	await writeFile(join(dir, 'kubelet.yaml'), stringify(config(options)));
	await mkdir(join(dir, 'pod-logs'));
	return namespaces.start({
		name: 'kubelet',
		command: options.command,
		args: [
			`--config=${join(dir, 'kubelet.yaml')}`,
			`--kubeconfig=${options.kubeconfig}`,
			`--hostname-override=${NODE_NAME}`,
			`--node-ip=${NODE_IP}`,
			`--root-dir=${join(dir, 'kubelet')}`,
			`--cert-dir=${join(dir, 'kubelet-pki')}`,
		],
		logFile: join(dir, 'kubelet.log'),
	});
}

function config({ dir, runtime, cgroup }: KubeletOptions): object {
	return {
		apiVersion: 'kubelet.config.k8s.io/v1beta1',
		kind: 'KubeletConfiguration',
		address: NODE_IP,
		authentication: {
			anonymous: { enabled: false },
			webhook: { enabled: true },
			x509: { clientCAFile: join(dir, FILES.ca) },
		},
		authorization: { mode: 'Webhook' },
		tlsCertFile: join(dir, 'kubelet.crt'),
		tlsPrivateKeyFile: join(dir, 'kubelet.key'),
		cgroupDriver: 'cgroupfs',
		cgroupRoot: cgroup,
		featureGates: IN_PLACE_RESTART_GATES,
		failCgroupV1: false,
		failSwapOn: false,
		containerRuntimeEndpoint: `unix://${runtime}`,
		podLogsDir: join(dir, 'pod-logs'),
		volumePluginDir: join(dir, 'volume-plugins'),
		resolvConf: join(dir, 'resolv.conf'),
		clusterDNS: [NODE_IP],
		clusterDomain: CLUSTER_DOMAIN,
		// A minute is the default. Tests wait for a changed Secret to reach its pods.
		syncFrequency: '10s',
		serializeImagePulls: false,
		// A developer's disk may be nearly full: that is not what is tested.
		imageGCHighThresholdPercent: 100,
		evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
		maxPods: 600,
	};
}
