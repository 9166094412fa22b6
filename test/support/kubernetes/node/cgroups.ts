import { existsSync } from 'node:fs';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../until.ts';

const CGROUPS = '/sys/fs/cgroup';

/**
 * Creates a cgroup of this name in every hierarchy for a kubelet's pods, separate from another Kubernetes on
 * this machine. Returns the function that removes it after its processes have ended.
 */
export async function makeCgroup(name: string): Promise<() => Promise<void>> {
	const hierarchies = existsSync(join(CGROUPS, 'cgroup.controllers'))
		? [CGROUPS]
		: (await readdir(CGROUPS)).map((controller) => join(CGROUPS, controller));
	const folders = [...new Set(hierarchies)].map((hierarchy) => join(hierarchy, name));
	for (const folder of folders) await mkdir(folder, { recursive: true });
	return async () => {
		for (const folder of folders) {
			// A folder whose last process is just ending is busy for a moment.
			await until(`the cgroup ${folder} to be empty`, () => removeTree(folder), { timeoutMs: 10_000 });
		}
	};
}

/** Files in a cgroup can't be removed, and needn't be: a folder goes when no folder is in it. */
async function removeTree(folder: string): Promise<boolean> {
	if (!existsSync(folder)) return true;
	for (const entry of await readdir(folder, { withFileTypes: true })) {
		if (entry.isDirectory()) await removeTree(join(folder, entry.name));
	}
	await rmdir(folder);
	return true;
}
