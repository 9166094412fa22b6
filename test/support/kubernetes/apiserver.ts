import { ok, type Result } from '../../../contract/result.ts';
import { freePort } from '../ports.ts';
import { type RunningProcess, startProcess } from '../process.ts';
import { scratch } from '../scratch.ts';
import { makeAuthority } from '../tls.ts';
import type { ClusterAccess } from './client.ts';
import { type Cluster, connect } from './cluster.ts';
import { startEtcd } from './etcd.ts';
import { administratorAccess, apiServerReady, startKubeApiserver } from './kube-apiserver.ts';
import { preparePrograms } from './programs.ts';
import { chosenKubernetes } from './versions.ts';

/** A kube-apiserver with an etcd behind it, on loopback alone, without any controller. */
export interface ApiServer extends Cluster {
	/** What another process needs to reach it. */
	readonly access: ClusterAccess;
	stop(): Promise<void>;
}

/** A port that was free may be taken by the time a server listens on it. */
const ATTEMPTS = 3;

/**
 * Starts etcd and kube-apiserver, which takes about five seconds once the programs are built. The error says
 * why this machine cannot provide the programs. Throws, with the server's log, when they do not start.
 * ENVTIER_TEST_KUBERNETES selects the version.
 *
 * @param extraArgs for the API server, after the default ones
 * @param release of Kubernetes, if another one than the chosen is needed
 */
export async function startApiServer(
	extraArgs: readonly string[] = [],
	release = chosenKubernetes(),
): Promise<Result<ApiServer>> {
	const programs = await preparePrograms(['etcd', 'kube-apiserver'], release);
	if (!programs.ok) return programs;
	for (let attempt = 1; ; attempt += 1) {
		try {
			return ok(await startOnce(programs.value, extraArgs));
		} catch (thrown) {
			if (attempt === ATTEMPTS || !String(thrown).includes('address already in use')) throw thrown;
		}
	}
}

type Paths = Readonly<Record<'etcd' | 'kube-apiserver', string>>;

async function startOnce(paths: Paths, extraArgs: readonly string[]): Promise<ApiServer> {
	const { dir, remove } = await scratch('apiserver');
	const processes: RunningProcess[] = [];
	const stop = async (): Promise<void> => {
		// The API server first: without etcd it would wait for it.
		for (const running of processes.splice(0).reverse()) await running.stop();
		await remove();
	};
	try {
		const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
		const etcd = await startEtcd(startProcess, paths.etcd, { dir, port: etcdPort, peerPort });
		processes.push(etcd.process);
		const authority = await makeAuthority('Envtier test cluster CA');
		const access = await administratorAccess(dir, `https://127.0.0.1:${port}`, authority);
		const server = await startKubeApiserver(startProcess, {
			...{ command: paths['kube-apiserver'], dir, authority, etcdUrl: etcd.url },
			...{ bind: '127.0.0.1', port, extraArgs },
		});
		processes.push(server);
		await etcd.process.waitUntil('it is healthy', async () => (await fetch(`${etcd.url}/health`)).ok);
		await apiServerReady(server, access);
		return { ...connect(access), access, stop };
	} catch (thrown) {
		await stop();
		throw thrown;
	}
}
