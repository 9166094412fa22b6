import { type OpenBao, startOpenBao } from '../../openbao.ts';
import { expectStatus } from '../cluster.ts';
import { trustCluster } from '../vault-auth.ts';
import { NODE_IP } from './namespaces.ts';
import type { Node } from './node.ts';

const PORT = 8200;

/** An OpenBao in the node's network, beside the cluster rather than in it. */
export interface NodeVault extends OpenBao {
	/** Its address as pods reach it; `addr` is this machine's way. */
	readonly insideAddr: string;
}

/** Starts it, makes it trust the cluster's tokens, and gives it the name `vault.vault.svc` in the cluster. */
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
		await trustCluster(bao, node, node.insideUrl);
		await nameIt(node);
		return { ...bao, insideAddr: `https://${NODE_IP}:${PORT}` };
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
