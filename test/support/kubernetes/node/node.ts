import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { V1Node } from '@kubernetes/client-node';
import { err, ok, type Result } from '../../../../contract/result.ts';
import { type DebianPackage, ensurePackages } from '../../debian.ts';
import { staticBusybox } from '../../images/busybox.ts';
import { onPath, runProcess } from '../../process.ts';
import { scratch } from '../../scratch.ts';
import { makeAuthority } from '../../tls.ts';
import { until } from '../../until.ts';
import type { ClusterAccess } from '../client.ts';
import { type Cluster, connect } from '../cluster.ts';
import { startEtcd } from '../etcd.ts';
import { clientCertificate } from '../identity.ts';
import { administratorAccess, apiServerReady, startKubeApiserver } from '../kube-apiserver.ts';
import { kubeconfig } from '../kubeconfig.ts';
import { preparePrograms } from '../programs.ts';
import type { Program } from '../sources.ts';
import { makeCgroup } from './cgroups.ts';
import { type Containerd, PAUSE_IMAGE, startContainerd } from './containerd.ts';
import { startControllers } from './controllers.ts';
import { startDns } from './dns.ts';
import { type Gateway, openGateway } from './forward.ts';
import { writeImage } from './image.ts';
import { IN_PLACE_RESTART_GATES, NODE_NAME, startKubelet } from './kubelet.ts';
import { type Namespaces, NODE_IP, openNamespaces } from './namespaces.ts';

/** What a node is built of. */
export const NODE_PROGRAMS: readonly Program[] = [
	'etcd',
	'kube-apiserver',
	'kubectl',
	'kube-controller-manager',
	'kube-scheduler',
	'kube-proxy',
	'kubelet',
	'coredns',
];

/** What it needs from Debian. */
export const NODE_PACKAGES: readonly DebianPackage[] = [
	'containerd',
	'runc',
	'containernetworking-plugins',
	'iptables',
	'catatonit',
	'busybox-static',
];

/** Inside its own network no port can be taken. */
const PORTS = { etcd: 2379, etcdPeer: 2380, apiServer: 6443 } as const;

/** A whole Kubernetes cluster of one node, in namespaces of its own. */
export interface Node extends Cluster {
	/** What another process needs to reach it; its URL is on this machine's loopback. */
	readonly access: ClusterAccess;
	/** The API server as pods and programs inside reach it. */
	readonly insideUrl: string;
	/** Writes a kubeconfig of a user for programs inside; gives its path. */
	readonly kubeconfigFor: (user: string, groups?: readonly string[]) => Promise<string>;
	readonly namespaces: Namespaces;
	readonly gateway: Gateway;
	readonly images: Containerd;
	readonly programs: Readonly<Record<Program, string>>;
	/** Holds the logs of all its programs (`*.log`). */
	readonly dir: string;
	stop(): Promise<void>;
}

/**
 * Starts the node. It is Ready when this resolves, after about 15 seconds once everything is built. The error
 * says what this machine lacks. Throws, with the end of a log, when something does not start.
 *
 * @param say gets progress messages
 */
export async function startNode(say: (line: string) => void): Promise<Result<Node>> {
	if (process.platform !== 'linux' || process.getuid?.() !== 0) {
		return err('a Kubernetes node needs root on Linux');
	}
	const missing = await ensurePackages(NODE_PACKAGES, say);
	if (missing.length > 0) return err(`a Kubernetes node needs the Debian packages ${missing.join(' ')}`);
	const programs = await preparePrograms(NODE_PROGRAMS);
	if (!programs.ok) return programs;
	const { dir, remove } = await scratch('node');
	const endings: (() => Promise<void>)[] = [remove];
	const stop = async (): Promise<void> => {
		for (const end of endings.splice(0).reverse()) await end();
	};
	try {
		return ok({ ...(await start(programs.value, dir, endings, say)), stop });
	} catch (thrown) {
		await stop();
		throw thrown;
	}
}

async function start(
	programs: Readonly<Record<Program, string>>,
	dir: string,
	endings: (() => Promise<void>)[],
	say: (line: string) => void,
): Promise<Omit<Node, 'stop'>> {
	const cgroup = `/${basename(dir)}`;
	endings.push(await makeCgroup(cgroup));
	const namespaces = await openNamespaces();
	endings.push(namespaces.stop);
	const gateway = await openGateway(namespaces, dir);
	endings.push(async () => gateway.close());

	say('starting etcd, the API server and containerd');
	const authority = await makeAuthority('Envtier test cluster CA');
	const url = `https://${await gateway.forward(NODE_IP, PORTS.apiServer)}`;
	const access = await administratorAccess(dir, url, authority);
	const insideUrl = `https://${NODE_IP}:${PORTS.apiServer}`;
	const kubeconfigFor: Node['kubeconfigFor'] = async (user, groups = []) => {
		const file = join(dir, `${user.replaceAll(':', '-')}.kubeconfig`);
		const identity = await clientCertificate(authority, user, groups);
		await writeFile(file, kubeconfig(insideUrl, authority.certPem, identity), { mode: 0o600 });
		return file;
	};
	const [images] = await Promise.all([
		containerdWithImages(namespaces, dir),
		controlPlane(namespaces, programs, dir, authority, access),
	]);

	say('starting the kubelet, the controllers, the scheduler, the proxy and the name server');
	await startKubelet(namespaces, {
		...{ command: programs.kubelet, dir, authority, runtime: images.socket, cgroup },
		kubeconfig: await kubeconfigFor(`system:node:${NODE_NAME}`, ['system:nodes']),
	});
	await startControllers(namespaces, { paths: programs, dir, kubeconfigFor });
	await startDns(namespaces, {
		...{ command: programs.coredns, dir },
		kubeconfig: await kubeconfigFor('coredns', ['system:masters']),
	});
	const cluster = connect(access);
	await until('the node to be Ready', () => isReady(cluster), { timeoutMs: 120_000, everyMs: 200 });
	return { ...cluster, access, insideUrl, kubeconfigFor, namespaces, gateway, images, programs, dir };
}

async function controlPlane(
	namespaces: Namespaces,
	programs: Readonly<Record<Program, string>>,
	dir: string,
	authority: Awaited<ReturnType<typeof makeAuthority>>,
	access: ClusterAccess,
): Promise<void> {
	const etcd = await startEtcd(namespaces.start, programs.etcd, {
		...{ dir, port: PORTS.etcd, peerPort: PORTS.etcdPeer },
	});
	// The API server calls the kubelet for logs and exec.
	const caller = await clientCertificate(authority, 'kube-apiserver', ['system:masters']);
	const [certFile, keyFile] = [join(dir, 'kubelet-client.crt'), join(dir, 'kubelet-client.key')];
	await writeFile(certFile, caller.certPem);
	await writeFile(keyFile, caller.keyPem, { mode: 0o600 });
	const server = await startKubeApiserver(namespaces.start, {
		...{ command: programs['kube-apiserver'], dir, authority, etcdUrl: etcd.url },
		...{ bind: '0.0.0.0', port: PORTS.apiServer, addresses: [NODE_IP] },
		extraArgs: [
			`--advertise-address=${NODE_IP}`,
			`--kubelet-client-certificate=${certFile}`,
			`--kubelet-client-key=${keyFile}`,
			`--kubelet-certificate-authority=${join(dir, 'ca.crt')}`,
			'--kubelet-preferred-address-types=InternalIP',
			`--feature-gates=${Object.entries(IN_PLACE_RESTART_GATES)
				.map((gate) => gate.join('='))
				.join(',')}`,
		],
	});
	await apiServerReady(server, access);
}

/** Images that every test may use: `localhost/busybox:1` has every command of busybox. */
async function containerdWithImages(namespaces: Namespaces, dir: string): Promise<Containerd> {
	const containerd = await startContainerd(namespaces, dir);
	const busybox = await staticBusybox();
	const applets = (await runProcess({ command: busybox, args: ['--list'] })).stdout.trim().split('\n');
	const images = [
		{
			reference: PAUSE_IMAGE,
			programs: { '/catatonit': onPath('catatonit') ?? '' },
			command: ['/catatonit', '-P'],
		},
		{
			reference: 'localhost/busybox:1',
			programs: { '/bin/busybox': busybox },
			links: Object.fromEntries(
				applets.filter((applet) => applet !== 'busybox').map((applet) => [`/bin/${applet}`, 'busybox']),
			),
			command: ['/bin/sh'],
		},
	];
	for (const image of images) {
		const file = join(dir, 'image.tar');
		await writeImage(image, file);
		await containerd.importImage(file);
	}
	return containerd;
}

/** Ready, and rid of the taint that keeps pods away until it is. */
async function isReady(cluster: Cluster): Promise<boolean> {
	const { body } = await cluster.request<V1Node>('GET', `/api/v1/nodes/${NODE_NAME}`);
	const ready = body.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
	return ready === true && body.spec?.taints === undefined;
}
