import type { Logger } from 'pino';
import type { Json } from '../../lib/json.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { type Watched, watchList } from '../../lib/kubernetes/watch.ts';
import { collectionPath, WORKLOAD_KINDS, type WorkloadKind } from './kinds.ts';
import { type Workload, workloadOf } from './workload.ts';

/** The workloads of the cluster whose pods ask for rollouts. */
export interface WorkloadViews {
	get(key: string): Workload | undefined;
	all(): readonly (readonly [string, Workload])[];
	/** Whether every collection was listed. */
	complete(): boolean;
	close(): void;
}

/** The key of a workload: `KIND NAMESPACE/NAME`. */
function keyOf(kind: WorkloadKind, object: string): string {
	return `${kind.kind} ${object}`;
}

/** Watches the kinds that the API server knows. `changed` is called with the key of each changed workload. */
export async function watchWorkloads(
	client: KubernetesClient,
	log: Logger,
	changed: (key: string) => void,
): Promise<WorkloadViews> {
	const kinds: WorkloadKind[] = [];
	for (const kind of WORKLOAD_KINDS) {
		if (kind.optional && !(await isServed(client, kind)))
			log.info(
				{ kind: kind.kind },
				'the API server does not know this kind; it is looked up at the next start',
			);
		else kinds.push(kind);
	}
	const views = new Map<string, Watched<Workload>>(
		kinds.map((kind) => [
			kind.kind,
			watchList<Workload>(
				client,
				{
					path: collectionPath(kind),
					// The decoder narrows the object itself.
					keep: (object) => workloadOf(kind, object as unknown as Json),
					changed: (name) => changed(keyOf(kind, name)),
				},
				log,
			),
		]),
	);
	return {
		get: (key) => {
			const [kind = '', name = ''] = key.split(' ');
			return views.get(kind)?.current()?.get(name);
		},
		all: () =>
			kinds.flatMap((kind) =>
				[...(views.get(kind.kind)?.current() ?? [])].map(
					([name, workload]) => [keyOf(kind, name), workload] as const,
				),
			),
		complete: () => [...views.values()].every((view) => view.current() !== undefined),
		close: () => {
			for (const view of views.values()) view.close();
		},
	};
}

async function isServed(client: KubernetesClient, { apiVersion, plural }: WorkloadKind): Promise<boolean> {
	const answer = await client.call<{ readonly resources?: readonly { readonly name: string }[] }>({
		method: 'GET',
		path: `/apis/${apiVersion}`,
	});
	return answer.ok && (answer.value.resources ?? []).some(({ name }) => name === plural);
}
