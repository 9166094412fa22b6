import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The state of the cluster that `make cluster` starts. */
export interface ClusterState {
	/** The parent process of the cluster: when it ends, everything ends. */
	readonly pid: number;
	/** Set after the cluster is ready. */
	readonly ready?: {
		readonly kubeconfig: string;
		/** A directory with links to kubectl and bao if they are not on PATH; undefined when both are. */
		readonly bin: string | undefined;
		readonly vaultAddr: string;
		/** The address of the same OpenBao for pods. */
		readonly vaultInside: string;
		readonly vaultCaFile: string;
		readonly vaultToken: string;
		/** The command that runs another command inside the node. */
		readonly prefix: readonly string[];
		readonly logs: string;
	};
}

/** The files of the state and the log. */
export interface StateFiles {
	readonly folder: string;
	readonly state: string;
	readonly log: string;
	/** The directory for links to programs. */
	readonly bin: string;
}

/** Creates the folder. Returns the paths of the files in it. */
export function stateFiles(folder: string): StateFiles {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	return { folder, state: join(folder, 'state.json'), log: join(folder, 'log'), bin: join(folder, 'bin') };
}

/** The state of a cluster whose process is alive; otherwise undefined. */
export function readState({ state }: StateFiles): ClusterState | undefined {
	if (!existsSync(state)) return undefined;
	const read = JSON.parse(readFileSync(state, 'utf8')) as ClusterState;
	return isOurs(read.pid) ? read : undefined;
}

/** Writes the state. Only its owner may read it, because it holds credentials. */
export function writeState({ state }: StateFiles, value: ClusterState): void {
	writeFileSync(state, JSON.stringify(value), { mode: 0o600 });
}

/** Deletes the state. */
export function clearState({ state, bin }: StateFiles): void {
	rmSync(state, { force: true });
	rmSync(bin, { recursive: true, force: true });
}

/** True when the process is ours: its id may have been reused. */
function isOurs(pid: number): boolean {
	const file = `/proc/${pid}/cmdline`;
	return existsSync(file) && readFileSync(file, 'utf8').includes('dev/cluster/main.ts');
}
