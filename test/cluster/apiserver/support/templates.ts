import pino from 'pino';
import { openKubernetes } from '../../../../lib/kubernetes/client.ts';
import { watchList } from '../../../../lib/kubernetes/watch.ts';
import type { Cluster } from '../../../support/kubernetes/cluster.ts';
import { until } from '../../../support/until.ts';

/**
 * Follows the pod template of a workload: each change of it starts new pods. The generation does not tell: a
 * Deployment gets another one for annotations as well.
 */
export interface FollowedTemplate {
	/** How often the template has changed since. */
	changes(): number;
	close(): void;
}

/** @param path of the collection of the workload, which is named `web` */
export async function followTemplate(cluster: Cluster, path: string): Promise<FollowedTemplate> {
	const opened = await openKubernetes({ kubeconfig: cluster.kubeconfig });
	if (!opened.ok) throw new Error(opened.error);
	let last: string | undefined;
	let changes = -1;
	const view = watchList(
		opened.value,
		{
			path,
			query: { fieldSelector: 'metadata.name=web' },
			keep: (object) => JSON.stringify((object as unknown as { spec: { template: object } }).spec.template),
			changed: (_, template) => {
				if (template === undefined || template === last) return;
				last = template;
				changes += 1;
			},
		},
		pino({ level: 'silent' }),
	);
	await until(`the workload at ${path}`, () => changes === 0);
	return { changes: () => changes, close: view.close };
}
