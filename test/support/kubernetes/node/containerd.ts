import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningProcess } from '../../process.ts';
import { type Namespaces, NODE_IP } from './namespaces.ts';

/** The image that holds a pod's namespaces open. */
export const PAUSE_IMAGE = 'localhost/envtier-pause:1';

const PODS = '10.88.0.0/16';

/** A containerd of the node's own: own images, own containers, own socket. */
export interface Containerd {
	/** Path of its socket. */
	readonly socket: string;
	/** Imports an image from a file of `docker save`, `podman save` or `buildah push docker-archive:`. */
	importImage(tarFile: string): Promise<void>;
}

/** Starts it in `dir`; ready when this resolves. */
export async function startContainerd(namespaces: Namespaces, dir: string): Promise<Containerd> {
	const socket = join(dir, 'containerd.sock');
	await mkdir(join(dir, 'cni'), { recursive: true });
	await writeFile(join(dir, 'cni', '10-bridge.conflist'), JSON.stringify(network(dir)));
	await writeFile(join(dir, 'containerd.toml'), config(dir, socket));
	const process = await namespaces.start({
		command: 'containerd',
		args: ['--config', join(dir, 'containerd.toml')],
		logFile: join(dir, 'containerd.log'),
	});
	const ctr = (...args: readonly string[]) =>
		namespaces.run({ command: 'ctr', args: ['--address', socket, ...args], timeoutMs: 120_000 });
	await serving(process, async () => (await ctr('version')).code === 0);
	return {
		socket,
		importImage: async (tarFile) => {
			const { code, stderr } = await ctr('--namespace', 'k8s.io', 'images', 'import', tarFile);
			if (code !== 0) throw new Error(`importing ${tarFile} failed: ${stderr}`);
		},
	};
}

function serving(process: RunningProcess, answers: () => Promise<boolean>): Promise<void> {
	return process.waitUntil('it answers', answers, { everyMs: 200 });
}

/** A bridge for the pods; packets to elsewhere leave with the node's address. */
function network(dir: string): object {
	const bridge = {
		type: 'bridge',
		bridge: 'pods0',
		isGateway: true,
		ipMasq: true,
		hairpinMode: true,
		ipam: {
			type: 'host-local',
			dataDir: join(dir, 'ipam'),
			ranges: [[{ subnet: PODS }]],
			routes: [{ dst: '0.0.0.0/0' }],
		},
	};
	return {
		cniVersion: '0.4.0',
		name: 'pods',
		plugins: [bridge, { type: 'portmap', capabilities: { portMappings: true } }],
	};
}

function config(dir: string, socket: string): string {
	// A path in double quotes is a TOML string as JSON writes it.
	const quoted = (path: string): string => JSON.stringify(join(dir, path));
	return `version = 2
root = ${quoted('containerd/root')}
state = ${quoted('containerd/state')}
[grpc]
  address = ${JSON.stringify(socket)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${quoted('containerd/opt')}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Both fail where containerd itself runs in a container or a small VM.
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "${NODE_IP}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${quoted('cni')}
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`;
}
