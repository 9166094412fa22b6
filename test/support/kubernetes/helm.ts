import { dirname, join } from 'node:path';
import { type Finished, runProcess } from '../process.ts';
import type { ClusterAccess } from './client.ts';

/** The chart as it lies in the repository. */
export const CHART = join(import.meta.dirname, '../../../deploy/chart');

/** The one value that every use of the chart has to give. */
export const LEAST = ['--set', 'settings.ENVTIER_VAULT_ADDR=https://vault.vault.svc:8200'] as const;

/** Runs helm to its end. */
export type Helm = (...args: readonly string[]) => Promise<Finished>;

/** Gives a helm (the program at `path`) for one cluster; it reads and writes nothing of the user's. */
export function helmFor(path: string, { kubeconfig }: Pick<ClusterAccess, 'kubeconfig'>): Helm {
	const home = join(dirname(kubeconfig), 'helm');
	return (...args) =>
		runProcess({
			name: 'helm',
			command: path,
			args: ['--kubeconfig', kubeconfig, ...args],
			env: { PATH: process.env['PATH'], HOME: home },
			timeoutMs: 120_000,
		});
}
