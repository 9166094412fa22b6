import type { TestProject } from 'vitest/node';
import { ok, type Result } from '../../../contract/result.ts';
import { installEnvtier } from '../../support/kubernetes/node/install.ts';
import { NODE_IP } from '../../support/kubernetes/node/namespaces.ts';
import { enforceNetworkPolicies } from '../../support/kubernetes/node/network-policies.ts';
import { startNode } from '../../support/kubernetes/node/node.ts';
import { startNodeVault } from '../../support/kubernetes/node/vault.ts';
import type { SharedNode } from '../../support/node-servers.ts';
import { vaultSetup } from '../../support/vault-setup.ts';
import { DEADLINE, ROLE_OF_ALL } from './support/tenant.ts';

/**
 * Starts the node that all tests of this folder share, with an OpenBao and Envtier installed. Two projects
 * run tests on it: the first one starts it for both, and gets the function that stops it.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
	// What the root project provides, all projects have.
	const root = project.vitest.getRootProject();
	if ('node' in root.getProvidedContext()) return undefined;
	const endings: (() => Promise<void>)[] = [];
	const teardown = async (): Promise<void> => {
		for (const end of endings.splice(0).reverse()) await end();
	};
	try {
		root.provide('node', await start(endings));
		return teardown;
	} catch (thrown) {
		await teardown();
		throw thrown;
	}
}

async function start(endings: (() => Promise<void>)[]): Promise<Result<SharedNode>> {
	const say = (line: string): void => void process.stderr.write(`[node] ${line}\n`);
	const node = await startNode(say);
	if (!node.ok) return node;
	endings.push(node.value.stop);
	const bao = await startNodeVault(node.value);
	endings.push(bao.stop);
	// The role of tenants for whom a test makes no other: its policy is filled in by Vault, from who logs in.
	const all = ['--namespace', '*', '--account', '*', '--org', 'acme', '--own', 'namespace'];
	await vaultSetup(bao)('role', ROLE_OF_ALL, ...all);
	const choices = {
		overlay: 'production',
		replicas: 2,
		vaultAddr: bao.insideAddr,
		vaultCaPem: bao.caPem,
		settings: {
			ENVTIER_DEFAULT_ORG: 'acme',
			// Kubernetes 1.35 has its feature gates switched on here.
			ENVTIER_IN_PLACE_RESTART: 'true',
			// The tests that wait for it to pass needn't wait longer.
			ENVTIER_DEADLINE: `${DEADLINE}`,
			// Soon full.
			ENVTIER_VOLUME_SIZE: '256Ki',
		},
	} as const;
	const networkPolicies = await enforceNetworkPolicies(node.value);
	const installed = await installEnvtier(node.value, choices, say);
	if (!installed.ok) return installed;
	return ok({
		cluster: node.value.access,
		vault: { addr: bao.addr, caPem: bao.caPem, rootToken: bao.rootToken },
		vaultInside: bao.insideAddr,
		nodeIp: NODE_IP,
		vaultUnsealKey: bao.unsealKey,
		kubectl: node.value.programs.kubectl,
		prefix: node.value.namespaces.prefix,
		networkPolicies,
	});
}
