import { describe, inject, test } from 'vitest';
import type { Result } from '../../contract/result.ts';
import { connect } from './kubernetes/cluster.ts';
import { type VaultAccess, type VaultApi, vaultApi } from './openbao.ts';
import type { Servers, SharedServers } from './servers.ts';
import { administratorOf, vaultSetup } from './vault-setup.ts';

/** The node that all test files of test/cluster/node share, as it passes from the setup to the tests. */
export interface SharedNode extends SharedServers {
	/** OpenBao's address as pods reach it. */
	readonly vaultInside: string;
	/** The node's address, at which OpenBao listens too. */
	readonly nodeIp: string;
	/** For a test that seals it. */
	readonly vaultUnsealKey: string;
	/** Path of the `kubectl` to use. */
	readonly kubectl: string;
	/** What comes before a command so that it runs inside the node's namespaces. */
	readonly prefix: readonly string[];
	/** Whether the node enforces network policies; the error says why it does not. */
	readonly networkPolicies: Result<undefined>;
}

declare module 'vitest' {
	interface ProvidedContext {
		/** Given by test/cluster/node/setup.ts; the error says what this machine lacks. */
		node: Result<SharedNode>;
	}
}

/** What a test on the node talks to. */
export interface NodeServers
	extends Servers,
		Pick<SharedNode, 'vaultInside' | 'nodeIp' | 'vaultUnsealKey' | 'kubectl' | 'prefix' | 'networkPolicies'> {
	/** OpenBao's, from this machine. */
	readonly vault: VaultApi & VaultAccess;
	/** What the administrator of OpenBao has in their environment. */
	readonly vaultAdministrator: () => Promise<NodeJS.ProcessEnv>;
}

/** A `describe` for tests that need the node; skipped with the reason where there is none. */
export function describeWithNode(name: string, body: (servers: NodeServers) => void): void {
	const given = inject('node');
	if (!given.ok) {
		describe.skip(name, () => test(`needs a Kubernetes node: ${given.error}`));
		return;
	}
	const { cluster, vault, ...rest } = given.value;
	describe(name, () =>
		body({
			...rest,
			cluster: connect(cluster),
			vault: { ...vault, ...vaultApi(vault) },
			setupVault: vaultSetup(vault),
			vaultAdministrator: () => administratorOf(vault),
		}),
	);
}
