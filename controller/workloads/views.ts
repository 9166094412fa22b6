import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Json } from '../../lib/json.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { type Watched, watchList } from '../../lib/kubernetes/watch.ts';
import { collectionPath, WORKLOAD_KINDS, type WorkloadKind } from './kinds.ts';
import { joinReferences } from './references.ts';
import { type Workload, workloadOf } from './workload.ts';

/** The workloads of the cluster whose pods ask for rollouts. */
export interface WorkloadViews {
	get(key: string): Workload | undefined;
	all(): readonly (readonly [string, Workload])[];
	close(): void;
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
					changed: (name, kept) => {
						const key = workloadKey(kind.kind, name);
						for (const one of [key, ...references.changed(key, kept)]) changed(one);
					},
				},
				log,
			),
		]),
	);
	const references = joinReferences({
		get: (key) => {
			const [kind = '', name = ''] = key.split(' ');
			return views.get(kind)?.current()?.get(name);
		},
		all: () =>
			kinds.flatMap(({ kind }) =>
				[...(views.get(kind)?.current() ?? [])].map(
					([name, workload]) => [workloadKey(kind, name), workload] as const,
				),
			),
	});
	return {
		...references,
		close: () => {
			for (const view of views.values()) view.close();
		},
	};
}

/** The key of a workload: `KIND NAMESPACE/NAME`. */
function workloadKey(kind: string, name: string): string {
	return `${kind} ${name}`;
}

/** Milliseconds until a kind is looked up again that the API server did not tell about. */
const LOOK_UP_AGAIN = 1_000;

async function isServed(client: KubernetesClient, { apiVersion, plural }: WorkloadKind): Promise<boolean> {
	for (;;) {
		const answer = await client.call<{ readonly resources?: readonly { readonly name: string }[] }>({
			method: 'GET',
			path: `/apis/${apiVersion}`,
		});
		if (answer.ok) return (answer.value.resources ?? []).some(({ name }) => name === plural);
		if (answer.error.status === 404) return false;
		await sleep(LOOK_UP_AGAIN);
	}
}
