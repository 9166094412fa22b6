import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningProcess } from '../process.ts';
import type { Authority } from '../tls.ts';
import { until } from '../until.ts';
import { AUDIT_POLICY } from './audit.ts';
import { apiClient, type ClusterAccess } from './client.ts';
import type { Start } from './etcd.ts';
import { clientCertificate, serviceAccountKeys } from './identity.ts';
import { kubeconfig } from './kubeconfig.ts';

/** The first address of the Services' range: the API server's own Service. */
const SERVICES = { range: '10.96.0.0/16', first: '10.96.0.1' } as const;

/** Where an API server listens and what it works with. */
export interface KubeApiserver {
	readonly command: string;
	readonly dir: string;
	readonly authority: Authority;
	readonly etcdUrl: string;
	/** Address and port to listen on. */
	readonly bind: string;
	readonly port: number;
	/** Addresses besides loopback that clients use. */
	readonly addresses?: readonly string[];
	readonly extraArgs?: readonly string[];
}

/** Starts an API server; it is not ready yet. */
export async function startKubeApiserver(start: Start, options: KubeApiserver): Promise<RunningProcess> {
	const { command, dir, bind, port, etcdUrl, extraArgs = [] } = options;
	const files = await writeFiles(options);
	return start({
		name: 'kube-apiserver',
		command,
		args: [
			`--etcd-servers=${etcdUrl}`,
			`--bind-address=${bind}`,
			`--secure-port=${port}`,
			`--tls-cert-file=${files.cert}`,
			`--tls-private-key-file=${files.key}`,
			`--client-ca-file=${files.ca}`,
			`--service-account-key-file=${files.tokenPublic}`,
			`--service-account-signing-key-file=${files.tokenPrivate}`,
			'--service-account-issuer=https://kubernetes.default.svc',
			`--service-cluster-ip-range=${SERVICES.range}`,
			'--authorization-mode=Node,RBAC',
			'--enable-admission-plugins=NodeRestriction',
			// Off by default here, on in every cluster that people run.
			'--allow-privileged',
			`--audit-policy-file=${files.auditPolicy}`,
			`--audit-log-path=${join(dir, 'audit.log')}`,
			'--audit-log-mode=blocking',
			...extraArgs,
		],
		logFile: join(dir, 'kube-apiserver.log'),
	});
}

/** The names of files in an API server's `dir` that its companions use as well. */
export const FILES = { ca: 'ca.crt', tokenPrivate: 'service-account.key' } as const;

async function writeFiles({ dir, authority, addresses = [] }: KubeApiserver) {
	const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'];
	const serving = await authority.issue({
		names: [...names, '127.0.0.1', SERVICES.first, ...addresses],
	});
	const tokens = serviceAccountKeys();
	const put = async (name: string, text: string): Promise<string> => {
		const path = join(dir, name);
		await writeFile(path, text, { mode: 0o600 });
		return path;
	};
	return {
		ca: await put(FILES.ca, authority.certPem),
		cert: await put('apiserver.crt', serving.certPem),
		key: await put('apiserver.key', serving.keyPem),
		tokenPublic: await put('service-account.pub', tokens.publicPem),
		tokenPrivate: await put(FILES.tokenPrivate, tokens.privatePem),
		// JSON is YAML.
		auditPolicy: await put('audit-policy.yaml', JSON.stringify(AUDIT_POLICY)),
	};
}

/** An administrator of the API server that is reached at `url` and keeps its audit log in `dir`. */
export async function administratorAccess(
	dir: string,
	url: string,
	authority: Authority,
): Promise<ClusterAccess> {
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

/** Resolves when the API server answers; rejects with its log when it ends before. */
export async function apiServerReady(server: RunningProcess, access: ClusterAccess): Promise<void> {
	const request = apiClient(access);
	const answers = async (path: string) => (await request('GET', path)).status === 200;
	await server.waitUntil('it is ready', () => answers('/readyz'), { timeoutMs: 90_000 });
	// /readyz comes a moment before the namespace that every cluster has.
	await until('the namespace kube-system', () => answers('/api/v1/namespaces/kube-system'));
}
