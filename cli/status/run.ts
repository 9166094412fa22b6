import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { combinedRevision } from '../../lib/kv/revision.ts';
import { type Context, fail } from '../context.ts';
import { type ClusterChoice, type ClusterClient, openCluster } from '../doctor/cluster.ts';
import { json, type Output } from '../output.ts';
import { podsIn, podsOfTarget } from '../refresh/list-pods.ts';
import { parseTarget, type Target } from '../refresh/target.ts';
import { table } from '../table.ts';
import { type Current, type CurrentRevisions, openCurrent, vaultSettings } from './current.ts';
import { revisionInLog } from './sidecar-log.ts';
import { type StatusPod, statusPodOf } from './status-pod.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Options of the command. */
export interface StatusOptions extends ClusterChoice {
	readonly namespace?: string | undefined;
	readonly output: Output;
}

/** One row of the report. */
interface Row extends Verdict {
	readonly pod: string;
	/** `deployment/web`; undefined if no workload owns it that the controller could roll. */
	readonly workload?: string;
	readonly revision?: string;
	readonly current?: string;
	readonly currentFrom?: Current['from'];
}

/** Pods whose logs and workloads are read at a time. */
const AT_ONCE = 10;

/** `envtier status`: which revision each pod has, and whether it is the current one. */
export async function status(
	argument: string | undefined,
	options: StatusOptions,
	context: Context,
): Promise<void> {
	const target = argument === undefined ? ok(undefined) : parseTarget(argument);
	if (!target.ok) return fail(context, 'usage', target.error);
	const { namespace: given } = options;
	if (given !== undefined && !parseName(given).ok)
		return fail(context, 'usage', '--namespace must be the name of a namespace');
	const cluster = await openCluster(options);
	if (!cluster.ok) return fail(context, 'usage', cluster.error);
	const settings = await vaultSettings(context);
	if (!settings.ok) return fail(context, 'usage', settings.error);
	const namespace = given ?? cluster.value.namespace;
	const found =
		target.value === undefined
			? await podsIn(cluster.value, namespace)
			: await podsOfTarget(cluster.value, target.value, namespace);
	if (!found.ok) return fail(context, found.error.ending, found.error.message);
	const pods = found.value.flatMap((pod) => statusPodOf(pod) ?? []);
	const current = openCurrent(cluster.value, namespace, settings.value);
	const rows: Row[] = [];
	for (let first = 0; first < pods.length; first += AT_ONCE)
		rows.push(
			...(await Promise.all(
				pods
					.slice(first, first + AT_ONCE)
					.map((pod) => rowOf(cluster.value, namespace, pod, ownerOf(pod, target.value), current)),
			)),
		);
	current.close();
	report(namespace, rows, options.output, context);
	if (rows.length === 0 && target.value !== undefined)
		fail(context, 'failed', `no pod of ${argument} in namespace ${namespace} gets secrets from Envtier`);
}

/** The workload whose record counts: the one that was named, or the owner of the pod. */
function ownerOf({ workload }: StatusPod, target: Target | undefined): Target | undefined {
	const isWorkload = target !== undefined && !['pod', 'replicaset', 'job'].includes(target.kind);
	return isWorkload ? target : workload;
}

async function rowOf(
	cluster: ClusterClient,
	namespace: string,
	pod: StatusPod,
	owner: Target | undefined,
	currents: CurrentRevisions,
): Promise<Row> {
	const { inputs } = pod.facts;
	const revision = await revisionOfPod(cluster, namespace, pod);
	const comparable = inputs.ok && !inputs.value.comparable ? err(NOT_COMPARABLE) : inputs;
	const current = comparable.ok
		? await currents.of(comparable.value, pod.isRolled ? owner : undefined)
		: comparable;
	return {
		pod: pod.name,
		...(owner && { workload: `${owner.kind}/${owner.name}` }),
		...verdictOf(pod, revision, current),
		...(revision.ok && { revision: revision.value }),
		...(current.ok && { current: current.value.revision, currentFrom: current.value.from }),
	};
}

const NOT_COMPARABLE = 'it skips empty values (envtier.dev/empty: skip), which versions do not show';

/** What a pod has: what its sidecars wrote last, or what its fetchers read at its start. */
async function revisionOfPod(
	cluster: ClusterClient,
	namespace: string,
	{ name: pod, fetchers }: StatusPod,
): Promise<Result<string>> {
	const revisions: string[] = [];
	for (const { sidecar, revision, problem } of fetchers) {
		const own =
			sidecar?.runs === true
				? await revisionInLog(cluster, namespace, pod, sidecar.name)
				: revision === undefined
					? err(problem)
					: ok(revision);
		if (!own.ok) return own;
		revisions.push(own.value);
	}
	return ok(combinedRevision(revisions));
}

/** Characters of a revision in the table. */
const SHORT = 11;

function report(namespace: string, rows: readonly Row[], output: Output, { stdout, stderr }: Context): void {
	if (output === 'json') {
		stdout.write(json({ namespace, pods: rows }));
		return;
	}
	if (rows.length === 0) {
		stderr.write(`no pod in namespace ${namespace} gets secrets from Envtier\n`);
		return;
	}
	const cells = rows.map(({ pod, workload, state, revision, current, why }) => [
		...[pod, workload ?? '', state],
		...[revision, current].map((one) => one?.slice(0, SHORT) ?? 'unknown'),
		why,
	]);
	stdout.write(table(['POD', 'WORKLOAD', 'STATE', 'REVISION', 'CURRENT', 'WHY'], cells, stdout.paint));
}
