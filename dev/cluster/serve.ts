import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { installApi } from '../../test/support/kubernetes/node/api.ts';
import { installEnvtier } from '../../test/support/kubernetes/node/install.ts';
import { startNode } from '../../test/support/kubernetes/node/node.ts';
import { startNodeVault } from '../../test/support/kubernetes/node/vault.ts';
import { onPath } from '../../test/support/process.ts';
import { deployExample, EXAMPLE } from './example.ts';
import { clearState, type StateFiles, writeState } from './state.ts';

/** Starts the cluster and runs until the process is asked to end. Returns the exit code. */
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
	say('the secrets API: its policy, certificate and manifests');
	const { kubectl } = node.value.programs;
	await installApi({ cluster: node.value, kubectl, vault }, EXAMPLE.org);
	say('deploying an example application');
	await deployExample(node.value, vault);
	const { kubeconfig, programs, namespaces, dir } = node.value;
	const bin = linkMissing(files, { kubectl: programs.kubectl, bao: vault.binary.path });
	writeState(files, {
		pid: process.pid,
		ready: {
			kubeconfig,
			bin,
			prefix: namespaces.prefix,
			logs: dir,
			vaultInside: vault.insideAddr,
			vaultAddr: vault.addr,
			vaultCaFile: vault.caFile,
			vaultToken: vault.rootToken,
		},
	});
	await untilTold;
	await vault.stop();
	await node.value.stop();
	clearState(files);
	return 0;
}

/** Creates a directory with links to those programs that are not on PATH. */
function linkMissing(
	{ bin }: StateFiles,
	programs: Readonly<Record<'kubectl' | 'bao', string>>,
): string | undefined {
	const missing = Object.entries(programs).filter(([name]) => onPath(name) === undefined);
	if (missing.length === 0) return undefined;
	mkdirSync(bin, { recursive: true });
	for (const [name, path] of missing) symlinkSync(path, join(bin, name));
	return bin;
}
