import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { freePort } from '../ports.ts';
import { type RunningProcess, startProcess } from '../process.ts';
import { type Authority, makeAuthority } from '../tls.ts';
import { until } from '../until.ts';
import { AUDIT_POLICY } from './audit.ts';
import { apiClient, type ClusterAccess } from './client.ts';
import { type Cluster, connect } from './cluster.ts';
import { clientCertificate, serviceAccountKeys } from './identity.ts';
import { kubeconfig } from './kubeconfig.ts';
import { preparePrograms } from './programs.ts';

/** A kube-apiserver with an etcd behind it, on loopback alone, without any controller. */
export interface ApiServer extends Cluster {
	/** What another process needs to reach it. */
	readonly access: ClusterAccess;
	stop(): Promise<void>;
}

/** A port that was free may be taken by the time a server listens on it. */
const ATTEMPTS = 3;

/**
 * Starts etcd and kube-apiserver; ready when this resolves, in about five seconds once the programs are built.
 * Fails with a sentence when this machine can't provide the programs; throws, with the server's log, when they don't start.
 */
export async function startApiServer(): Promise<Result<ApiServer>> {
	const programs = await preparePrograms(['etcd', 'kube-apiserver']);
	if (!programs.ok) return programs;
	for (let attempt = 1; ; attempt += 1) {
		const started = await tryStart(programs.value);
		if (started.ok) return started;
		if (attempt === ATTEMPTS || !/address already in use/.test(started.error)) {
			throw new Error(started.error);
		}
	}
}

type Paths = Readonly<Record<'etcd' | 'kube-apiserver', string>>;

async function tryStart(paths: Paths): Promise<Result<ApiServer>> {
	const dir = await mkdtemp(join(tmpdir(), 'envtier-apiserver-'));
	const processes: RunningProcess[] = [];
	const stop = async (): Promise<void> => {
		// The API server first: without etcd it would wait for it.
		for (const running of processes.splice(0).reverse()) await running.stop();
		await rm(dir, { recursive: true, force: true });
	};
	try {
		const etcdUrl = await startEtcd(paths.etcd, dir, processes);
		const access = await startKubeApiserver(paths['kube-apiserver'], dir, etcdUrl, processes);
		return ok({ ...connect(access), access, stop });
	} catch (thrown) {
		await stop();
		return err(String(thrown));
	}
}

async function startEtcd(command: string, dir: string, processes: RunningProcess[]): Promise<string> {
	const client = `http://127.0.0.1:${await freePort()}`;
	const peer = `http://127.0.0.1:${await freePort()}`;
	const etcd = await startProcess({
		name: 'etcd',
		command,
		args: [
			`--data-dir=${join(dir, 'etcd')}`,
			// Nothing here has to survive a power cut.
			'--unsafe-no-fsync',
			`--listen-client-urls=${client}`,
			`--advertise-client-urls=${client}`,
			`--listen-peer-urls=${peer}`,
			`--initial-advertise-peer-urls=${peer}`,
			`--initial-cluster=default=${peer}`,
		],
		logFile: join(dir, 'etcd.log'),
	});
	processes.push(etcd);
	await etcd.waitUntil('it is healthy', async () => (await fetch(`${client}/health`)).ok);
	return client;
}

async function startKubeApiserver(
	command: string,
	dir: string,
	etcdUrl: string,
	processes: RunningProcess[],
): Promise<ClusterAccess> {
	const authority = await makeAuthority('Envtier test cluster CA');
	const files = await writeFiles(dir, authority);
	const port = await freePort();
	const access = await administratorAccess(dir, `https://127.0.0.1:${port}`, authority);
	const server = await startProcess({
		name: 'kube-apiserver',
		command,
		args: [
			`--etcd-servers=${etcdUrl}`,
			'--bind-address=127.0.0.1',
			`--secure-port=${port}`,
			`--tls-cert-file=${files.cert}`,
			`--tls-private-key-file=${files.key}`,
			`--client-ca-file=${files.ca}`,
			`--service-account-key-file=${files.tokenPublic}`,
			`--service-account-signing-key-file=${files.tokenPrivate}`,
			'--service-account-issuer=https://kubernetes.default.svc',
			'--service-cluster-ip-range=10.96.0.0/16',
			'--authorization-mode=Node,RBAC',
			'--enable-admission-plugins=NodeRestriction',
			// Off by default here, on in every cluster that people run.
			'--allow-privileged',
			`--audit-policy-file=${files.auditPolicy}`,
			`--audit-log-path=${access.auditLog}`,
			'--audit-log-mode=blocking',
		],
		logFile: join(dir, 'kube-apiserver.log'),
	});
	processes.push(server);
	const request = apiClient(access);
	const answers = async (path: string) => (await request('GET', path)).status === 200;
	await server.waitUntil('it is ready', () => answers('/readyz'), { timeoutMs: 90_000 });
	// /readyz comes a moment before the namespace that every cluster has.
	await until('the namespace kube-system', () => answers('/api/v1/namespaces/kube-system'));
	return access;
}

async function writeFiles(dir: string, authority: Authority) {
	const serving = await authority.issue({
		names: [
			'127.0.0.1',
			'localhost',
			'kubernetes',
			'kubernetes.default',
			'kubernetes.default.svc',
			'10.96.0.1',
		],
	});
	const tokens = serviceAccountKeys();
	const put = async (name: string, text: string): Promise<string> => {
		const path = join(dir, name);
		await writeFile(path, text, { mode: 0o600 });
		return path;
	};
	return {
		ca: await put('ca.crt', authority.certPem),
		cert: await put('apiserver.crt', serving.certPem),
		key: await put('apiserver.key', serving.keyPem),
		tokenPublic: await put('service-account.pub', tokens.publicPem),
		tokenPrivate: await put('service-account.key', tokens.privatePem),
		// JSON is YAML.
		auditPolicy: await put('audit-policy.yaml', JSON.stringify(AUDIT_POLICY)),
	};
}

async function administratorAccess(dir: string, url: string, authority: Authority) {
	const administrator = await clientCertificate(authority, 'admin', ['system:masters']);
	const file = join(dir, 'admin.kubeconfig');
	await writeFile(file, kubeconfig(url, authority.certPem, administrator), { mode: 0o600 });
	return {
		url,
		caPem: authority.certPem,
		administrator,
		kubeconfig: file,
		auditLog: join(dir, 'audit.log'),
		webhookHost: '127.0.0.1',
	};
}
