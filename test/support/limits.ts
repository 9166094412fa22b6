import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { until } from './until.ts';

const CGROUPS = '/sys/fs/cgroup';
const MIB = 1024 * 1024;
/** Length of a period of CPU time, in microseconds. It is that of the kubelet. */
const PERIOD = 100_000;

/** Limits for processes, as a kubelet sets them for a container. */
export interface Limits {
	readonly memoryMiB?: number;
	/** Thousandths of a CPU. */
	readonly cpuMillis?: number;
}

/** A cgroup with limits. */
export interface LimitedGroup extends AsyncDisposable {
	/** A command that starts what follows it in the cgroup. */
	readonly launcher: readonly string[];
	/** The most memory that was in use at once, in MiB: page cache too. */
	peakMiB(): number;
}

/** What both versions of cgroups call the same things. */
interface Version {
	/** Folder of a controller's cgroup. */
	readonly folder: (controller: 'memory' | 'cpu', name: string) => string;
	readonly memory: (bytes: number) => Readonly<Record<string, string>>;
	readonly cpu: (quota: number) => Readonly<Record<string, string>>;
	readonly peak: string;
}

const V1: Version = {
	folder: (controller, name) => join(CGROUPS, controller, name),
	memory: (bytes) => ({ 'memory.limit_in_bytes': `${bytes}` }),
	cpu: (quota) => ({ 'cpu.cfs_period_us': `${PERIOD}`, 'cpu.cfs_quota_us': `${quota}` }),
	peak: 'memory.max_usage_in_bytes',
};

const V2: Version = {
	folder: (_, name) => join(CGROUPS, name),
	memory: (bytes) => ({ 'memory.max': `${bytes}`, 'memory.swap.max': '0' }),
	cpu: (quota) => ({ 'cpu.max': `${quota} ${PERIOD}` }),
	peak: 'memory.peak',
};

const versionHere = (): Version | undefined => {
	if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return V2;
	return existsSync(join(CGROUPS, 'memory', 'memory.limit_in_bytes')) ? V1 : undefined;
};

/** Why this machine cannot limit processes; undefined where it can. */
export function whyNoLimits(): string | undefined {
	if (process.getuid?.() !== 0) return 'only root makes cgroups';
	return versionHere() === undefined ? 'the system has no memory cgroups' : undefined;
}

/** Makes a cgroup of this name with limits. */
export async function makeLimitedGroup(name: string, limits: Limits): Promise<LimitedGroup> {
	const version = versionHere();
	if (version === undefined) throw new Error(whyNoLimits());
	if (version === V2) await writeFile(join(CGROUPS, 'cgroup.subtree_control'), '+memory +cpu');
	const memory = version.folder('memory', name);
	const cpu = version.folder('cpu', name);
	const folders = [...new Set([memory, cpu])];
	for (const folder of folders) await mkdir(folder);
	const set = async (folder: string, values: Readonly<Record<string, string>>): Promise<void> => {
		for (const [file, value] of Object.entries(values)) {
			// Kernels without swap accounting do not have its file.
			if (existsSync(join(folder, file))) await writeFile(join(folder, file), value);
		}
	};
	if (limits.memoryMiB !== undefined) await set(memory, version.memory(limits.memoryMiB * MIB));
	if (limits.cpuMillis !== undefined) await set(cpu, version.cpu((limits.cpuMillis / 1_000) * PERIOD));
	const enter = folders.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join(' && ');
	return {
		launcher: ['/bin/sh', '-c', `${enter} && exec "$@"`, 'sh'],
		peakMiB: () => Number(readFileSync(join(memory, version.peak), 'utf8')) / MIB,
		[Symbol.asyncDispose]: async () => {
			for (const folder of folders) {
				// A cgroup whose last process is ending is busy for a moment.
				const removed = (): Promise<boolean> => rmdir(folder).then(() => true);
				await until(`the cgroup ${folder} to be empty`, removed, { timeoutMs: 10_000 });
			}
		},
	};
}
