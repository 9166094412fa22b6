import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is known of the one cluster that `make cluster` keeps for a person. */
export interface ClusterState {
	/** The process that all of it hangs on: when it ends, everything is gone. */
	readonly pid: number;
	/** Set once everything is up. */
	readonly ready?: {
		readonly kubeconfig: string;
		/** A directory with those of kubectl and bao that are not on PATH; undefined when both are. */
		readonly bin: string | undefined;
		readonly vaultAddr: string;
		/** The same OpenBao as pods reach it. */
		readonly vaultInside: string;
		readonly vaultCaFile: string;
		readonly vaultToken: string;
		/** Runs a command inside the node. */
		readonly prefix: readonly string[];
		readonly logs: string;
	};
}

/** Where state and log are kept. */
export interface StateFiles {
	readonly folder: string;
	readonly state: string;
	readonly log: string;
	/** For programs. */
	readonly bin: string;
}

/** Gives the files' paths, their folder made. */
export function stateFiles(folder: string): StateFiles {
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	return { folder, state: join(folder, 'state.json'), log: join(folder, 'log'), bin: join(folder, 'bin') };
}

/** The state of a cluster whose process lives, else undefined. */
export function readState({ state }: StateFiles): ClusterState | undefined {
	if (!existsSync(state)) return undefined;
	const read = JSON.parse(readFileSync(state, 'utf8')) as ClusterState;
	return isOurs(read.pid) ? read : undefined;
}

/** Writes the state; only its owner may read it, for it holds credentials. */
export function writeState({ state }: StateFiles, value: ClusterState): void {
	writeFileSync(state, JSON.stringify(value), { mode: 0o600 });
}

/** Forgets the cluster. */
export function clearState({ state, bin }: StateFiles): void {
	rmSync(state, { force: true });
	rmSync(bin, { recursive: true, force: true });
}

/** A process id may belong to someone else by now. */
function isOurs(pid: number): boolean {
	const file = `/proc/${pid}/cmdline`;
	return existsSync(file) && readFileSync(file, 'utf8').includes('dev/cluster/main.ts');
}
