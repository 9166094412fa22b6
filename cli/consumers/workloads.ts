import { INJECTED } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Json, object, objects, text } from '../../lib/json.ts';
import { type ClusterClient, statusMessage } from '../doctor/cluster.ts';

/** A pod, or the pod template of a workload. */
export interface Candidate {
	readonly namespace: string;
	/** `Deployment/web`; for a pod its owner, or the pod itself. */
	readonly workload: string;
	/** Undefined for a template. */
	readonly pod: string | undefined;
	readonly annotations: Readonly<Record<string, string>>;
	readonly containers: readonly string[];
	/** When the fetcher of a pod began and ended, in RFC 3339; undefined if it has not. */
	readonly fetched: { readonly from: string; readonly to: string } | undefined;
	/** True if a sidecar keeps the files current. */
	readonly refreshes: boolean;
}

/** Candidates, and the kinds that could not be listed, with the reason. */
export interface Found {
	readonly candidates: readonly Candidate[];
	readonly unlisted: readonly string[];
}

/** Kinds with pod templates, and the path to the template inside an object. */
const KINDS = [
	['Deployment', 'apis/apps/v1', 'deployments', ['spec', 'template']],
	['StatefulSet', 'apis/apps/v1', 'statefulsets', ['spec', 'template']],
	['DaemonSet', 'apis/apps/v1', 'daemonsets', ['spec', 'template']],
	['Job', 'apis/batch/v1', 'jobs', ['spec', 'template']],
	['CronJob', 'apis/batch/v1', 'cronjobs', ['spec', 'jobTemplate', 'spec', 'template']],
] as const;
/** Objects of one page, and of one kind at most. */
const PAGE = 250;
const MAX_OBJECTS = 20_000;

/**
 * Lists pods and workloads with the caller's own rights.
 *
 * @param namespace undefined: all namespaces
 */
export async function findCandidates(cluster: ClusterClient, namespace: string | undefined): Promise<Found> {
	const candidates: Candidate[] = [];
	const unlisted: string[] = [];
	const add = async (
		api: string,
		resource: string,
		read: (item: Json) => Candidate | undefined,
	): Promise<void> => {
		const listed = await list(cluster, api, resource, namespace);
		if (!listed.ok) return void unlisted.push(`${resource}: ${listed.error}`);
		for (const item of listed.value) {
			const candidate = read(item);
			if (candidate !== undefined) candidates.push(candidate);
		}
	};
	await add('api/v1', 'pods', podCandidate);
	for (const [kind, api, resource, path] of KINDS)
		await add(api, resource, (item) => templateCandidate(kind, item, path));
	return { candidates, unlisted };
}

async function list(
	cluster: ClusterClient,
	api: string,
	resource: string,
	namespace: string | undefined,
): Promise<Result<readonly Json[]>> {
	const items: Json[] = [];
	const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
	let next = '';
	do {
		const query = new URLSearchParams({ limit: String(PAGE), ...(next === '' ? {} : { continue: next }) });
		const answer = await cluster.request('GET', `/${api}${place}/${resource}?${query}`);
		if (!answer.ok) return err(answer.error.message);
		if (answer.value.status !== 200) return err(statusMessage(answer.value));
		const body = object(answer.value.body);
		items.push(...objects(body?.['items']));
		next = text(object(body?.['metadata'])?.['continue']) ?? '';
		if (items.length > MAX_OBJECTS) return err(`more than ${MAX_OBJECTS}: name a namespace`);
	} while (next !== '');
	return ok(items);
}

function podCandidate(pod: Json): Candidate | undefined {
	const status = object(pod['status']);
	// A pod that has ended reads nothing any more.
	if (['Succeeded', 'Failed'].includes(text(status?.['phase']) ?? '')) return undefined;
	const metadata = object(pod['metadata']);
	const name = text(metadata?.['name']) ?? '';
	const spec = object(pod['spec']);
	return {
		namespace: text(metadata?.['namespace']) ?? '',
		workload: ownerOf(metadata) ?? `Pod/${name}`,
		pod: name,
		annotations: textsOf(metadata?.['annotations']),
		containers: namesOf(spec?.['containers']),
		fetched: fetchedOf(status),
		refreshes: namesOf(spec?.['initContainers']).some((one) => one.startsWith(INJECTED.sidecar)),
	};
}

function templateCandidate(kind: string, item: Json, path: readonly string[]): Candidate | undefined {
	const metadata = object(item['metadata']);
	// A Job of a CronJob, and its pods, are listed by themselves.
	const template = path.reduce<Json | undefined>((at, part) => object(at?.[part]), item);
	const inner = object(template?.['metadata']);
	return {
		namespace: text(metadata?.['namespace']) ?? '',
		workload: `${kind}/${text(metadata?.['name']) ?? ''}`,
		pod: undefined,
		annotations: textsOf(inner?.['annotations']),
		containers: namesOf(object(template?.['spec'])?.['containers']),
		fetched: undefined,
		refreshes: false,
	};
}

/** The workload that owns a pod. The name of a ReplicaSet is that of its Deployment and a hash. */
function ownerOf(metadata: Json | undefined): string | undefined {
	const owner = objects(metadata?.['ownerReferences']).find((one) => one['controller'] === true);
	const kind = text(owner?.['kind']);
	const name = text(owner?.['name']) ?? '';
	const hash = textsOf(metadata?.['labels'])['pod-template-hash'];
	if (kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`))
		return `Deployment/${name.slice(0, -hash.length - 1)}`;
	return kind === undefined ? undefined : `${kind}/${name}`;
}

function fetchedOf(status: Json | undefined): Candidate['fetched'] {
	const all = objects(status?.['initContainerStatuses']);
	const fetcher = all.find((one) => (text(one['name']) ?? '').startsWith(INJECTED.container));
	const ended = object(object(fetcher?.['state'])?.['terminated']);
	const from = text(ended?.['startedAt']);
	const to = text(ended?.['finishedAt']);
	return from === undefined || to === undefined ? undefined : { from, to };
}

const namesOf = (list: unknown): readonly string[] => objects(list).flatMap((one) => text(one['name']) ?? []);

const textsOf = (map: unknown): Readonly<Record<string, string>> =>
	Object.fromEntries(
		Object.entries(object(map) ?? {}).flatMap(([name, value]) =>
			typeof value === 'string' ? [[name, value]] : [],
		),
	);
