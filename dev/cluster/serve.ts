import { installEnvtier } from '../../test/support/kubernetes/node/install.ts';
import { startNode } from '../../test/support/kubernetes/node/node.ts';
import { startNodeVault } from '../../test/support/kubernetes/node/vault.ts';
import { deployExample, EXAMPLE } from './example.ts';
import { clearState, type StateFiles, writeState } from './state.ts';

/** Starts the cluster and keeps it until the process is told to end. Gives the exit code. */
export async function serve(
	files: StateFiles,
	say: (line: string) => void,
	untilTold: Promise<void>,
): Promise<number> {
	writeState(files, { pid: process.pid });
	const node = await startNode(say);
	if (!node.ok) {
		say(node.error);
		clearState(files);
		return 1;
	}
	say('starting OpenBao');
	const vault = await startNodeVault(node.value);
	const choices = {
		overlay: 'trial',
		replicas: 1,
		vaultAddr: vault.insideAddr,
		vaultCaPem: vault.caPem,
		settings: { ENVTIER_DEFAULT_ORG: EXAMPLE.org },
	} as const;
	const installed = await installEnvtier(node.value, choices, say);
	if (!installed.ok) {
		say(installed.error);
		await vault.stop();
		await node.value.stop();
		clearState(files);
		return 1;
	}
	say('deploying an example application');
	await deployExample(node.value, vault);
	const { kubeconfig, programs, namespaces, dir } = node.value;
	writeState(files, {
		pid: process.pid,
		ready: {
			...{ kubeconfig, kubectl: programs.kubectl, prefix: namespaces.prefix, logs: dir },
			...{ vaultAddr: vault.addr, vaultCaFile: vault.caFile, vaultToken: vault.rootToken },
		},
	});
	await untilTold;
	await vault.stop();
	await node.value.stop();
	clearState(files);
	return 0;
}
