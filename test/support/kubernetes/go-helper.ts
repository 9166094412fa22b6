import { join } from 'node:path';
import { onPath } from '../process.ts';
import { goBuild } from './go-build.ts';

const MODULE = join(import.meta.dirname, 'go/kubernetes');

/**
 * Builds a small program around a function of the kubelet, from the Kubernetes module of the cluster tests,
 * into `dir`. Returns its path.
 */
export async function buildKubeletHelper(name: 'expand' | 'parse-env', dir: string): Promise<string> {
	const output = join(dir, name);
	const build = { moduleDir: MODULE, package: `./${name}`, linkFlags: '', output };
	const built = await goBuild(onPath('go') ?? 'go', build, () => undefined);
	if (!built.ok) throw new Error(built.error);
	return output;
}
