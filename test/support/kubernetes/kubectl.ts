import { dirname, join } from 'node:path';
import { type Finished, runProcess } from '../process.ts';
import type { ClusterAccess } from './client.ts';

/** Runs kubectl to its end. */
export type Kubectl = (...args: readonly string[]) => Promise<Finished>;

/**
 * Returns a kubectl (the program at `path`) for one cluster. It uses no file of the user and no cache in the
 * current directory.
 *
 * @param timeoutMs limit for each command; default 60 s
 */
export function kubectlFor(
	path: string,
	{ kubeconfig }: Pick<ClusterAccess, 'kubeconfig'>,
	timeoutMs?: number,
): Kubectl {
	const home = dirname(kubeconfig);
	return (...args) =>
		runProcess({
			name: 'kubectl',
			command: path,
			args: ['--kubeconfig', kubeconfig, '--cache-dir', join(home, 'kubectl-cache'), ...args],
			env: { PATH: process.env['PATH'], HOME: home },
			...(timeoutMs === undefined ? {} : { timeoutMs }),
		});
}

/** Runs kubectl, which must succeed; gives what it printed. */
export async function mustKubectl(kubectl: Kubectl, ...args: readonly string[]): Promise<string> {
	const { code, stdout, stderr } = await kubectl(...args);
	if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
	return stdout;
}
