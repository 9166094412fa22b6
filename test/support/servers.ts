import { describe, inject, test } from 'vitest';
import type { Result } from '../../contract/result.ts';
import type { ClusterAccess } from './kubernetes/client.ts';
import { type Cluster, connect } from './kubernetes/cluster.ts';
import { type VaultAccess, type VaultApi, vaultApi } from './openbao.ts';
import { type VaultSetup, vaultSetup } from './vault-setup.ts';

/**
 * The servers that all test files of a folder below test/cluster share, serialized from the setup to the
 * tests.
 */
export interface SharedServers {
	readonly cluster: ClusterAccess;
	readonly vault: VaultAccess;
}

declare module 'vitest' {
	interface ProvidedContext {
		/** Given by the folder's setup.ts; the error says what this machine lacks. */
		servers: Result<SharedServers>;
	}
}

/** What a test talks to. */
export interface Servers {
	readonly cluster: Cluster;
	readonly vault: VaultApi;
	/** deploy/vault/setup.sh for that OpenBao. */
	readonly setupVault: VaultSetup;
}

/**
 * A `describe` for tests that need the shared servers. Where they cannot run, a skipped test has the reason
 * in its name: the run lists it, and fails on CI.
 */
export function describeWithServers(name: string, body: (servers: Servers) => void): void {
	const given = inject('servers');
	if (!given.ok) {
		describe.skip(name, () => test(`needs real servers: ${given.error}`));
		return;
	}
	const { cluster, vault } = given.value;
	describe(name, () =>
		body({ cluster: connect(cluster), vault: vaultApi(vault), setupVault: vaultSetup(vault) }),
	);
}
