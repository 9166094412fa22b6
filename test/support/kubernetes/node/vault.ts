import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type OpenBao, startOpenBao } from '../../openbao.ts';
import { vaultSetup } from '../../vault-setup.ts';
import { expectStatus } from '../cluster.ts';
import { FILES } from '../kube-apiserver.ts';
import { kubectlFor, mustKubectl } from '../kubectl.ts';
import { NODE_IP } from './namespaces.ts';
import type { Node } from './node.ts';

const PORT = 8200;
const REVIEWER = join(import.meta.dirname, '../../../../deploy/vault/rbac/reviewer.yaml');

/** An OpenBao in the node's network, beside the cluster rather than in it. */
export interface NodeVault extends OpenBao {
	/** Its address as pods reach it, by the name of a Service; `addr` is this machine's way. */
	readonly insideAddr: string;
}

/**
 * Starts it with the name `vault.vault.svc` in the cluster, and configures trust in the cluster's tokens as
 * in docs/vault-setup.md.
 */
export async function startNodeVault(node: Node): Promise<NodeVault> {
	const bao = await startOpenBao({
		place: {
			start: node.namespaces.start,
			listen: `${NODE_IP}:${PORT}`,
			reach: await node.gateway.forward(NODE_IP, PORT),
			names: [NODE_IP, 'vault.vault.svc'],
		},
	});
	try {
		await nameIt(node);
		await letItReview(bao, node);
		return { ...bao, insideAddr: `https://vault.vault.svc:${PORT}` };
	} catch (thrown) {
		await bao.stop();
		throw thrown;
	}
}

/** A Service without a selector leads to whatever its EndpointSlice says. */
async function nameIt(node: Node): Promise<void> {
	const namespace = await node.createNamespace({ name: 'vault' });
	const service = await node.request('POST', `/api/v1/namespaces/${namespace}/services`, {
		metadata: { name: 'vault' },
		spec: { ports: [{ name: 'https', port: PORT }] },
	});
	expectStatus(service, 201, 'creating the Service vault');
	const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
	const slice = await node.request('POST', path, {
		metadata: { name: 'vault', labels: { 'kubernetes.io/service-name': 'vault' } },
		addressType: 'IPv4',
		endpoints: [{ addresses: [NODE_IP] }],
		ports: [{ name: 'https', port: PORT }],
	});
	expectStatus(slice, 201, 'creating the EndpointSlice of vault');
}

/** The way with a reviewer: the account that ships asks the cluster whether a pod's token is genuine. */
async function letItReview(bao: OpenBao, node: Node): Promise<void> {
	const kubectl = kubectlFor(node.programs.kubectl, node.access);
	const run = (...args: readonly string[]) => mustKubectl(kubectl, '-n', 'vault', ...args);
	await run('apply', '-f', REVIEWER);
	const secret = 'secret/envtier-vault-reviewer';
	await run('wait', '--for=jsonpath={.data.token}', secret, '--timeout=60s');
	const token = await run('get', secret, '-o', 'jsonpath={.data.token}');
	const file = join(bao.dir, 'reviewer.jwt');
	await writeFile(file, Buffer.from(token, 'base64'), { mode: 0o600 });
	const at = ['--host', node.insideUrl, '--ca', join(node.dir, FILES.ca), '--reviewer-token', file];
	await vaultSetup(bao)('auth-kubernetes', ...at);
}
