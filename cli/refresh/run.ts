import { ANNOTATION_PREFIX, parseName, REQUEST_ANNOTATION } from '../../contract/names.ts';
import { ROLLOUT_ANNOTATIONS } from '../../contract/rollout.ts';
import { object } from '../../lib/json.ts';
import { type Context, fail } from '../context.ts';
import { type ClusterChoice, type ClusterClient, openCluster, statusMessage } from '../doctor/cluster.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import { getTarget, podsOf } from './list-pods.ts';
import { type FoundPod, foundPod } from './pods.ts';
import { parseTarget, podsPath, targetPath } from './target.ts';

/** Options of the command. */
export interface RefreshOptions extends ClusterChoice {
	readonly namespace?: string | undefined;
	readonly output: Output;
}

/** What became of one pod. */
interface Asked {
	readonly name: string;
	readonly result: 'requested' | 'skipped' | 'failed';
	/** Why it was not requested. */
	readonly why?: string;
}

/** Whether the controller was asked. */
interface AskedController {
	readonly result: 'requested' | 'failed';
	/** Why it was not. */
	readonly why?: string;
}

/** Pods that are patched at a time, so that 1,000 sidecars do not ask Vault in the same second. */
const AT_ONCE = 10;

/** `envtier refresh`: annotates the pods of a target. */
export async function refresh(argument: string, options: RefreshOptions, context: Context): Promise<void> {
	const target = parseTarget(argument);
	if (!target.ok) return fail(context, 'usage', target.error);
	const { namespace: given } = options;
	if (given !== undefined && !parseName(given).ok)
		return fail(context, 'usage', '--namespace must be the name of a namespace');
	const cluster = await openCluster(options);
	if (!cluster.ok) return fail(context, 'usage', cluster.error);
	const namespace = given ?? cluster.value.namespace;
	const path = targetPath(target.value, namespace);
	const found = await getTarget(cluster.value, target.value, namespace);
	if (!found.ok) return fail(context, found.error.ending, found.error.message);
	const request = new Date().toISOString();
	const rollout = isRolled(found.value) ? await askController(cluster.value, path, request) : undefined;
	const pods = await podsOf(cluster.value, target.value, namespace, found.value);
	if (!pods.ok) return fail(context, pods.error.ending, pods.error.message);
	const asked = await askAll(cluster.value, namespace, pods.value.map(foundPod), request);
	report({ namespace, request, ...(rollout && { rollout }), pods: asked }, options.output, context);
	if (rollout?.result === 'failed')
		return fail(context, 'failed', `the controller was not asked: ${rollout.why}`);
	const problem = rollout === undefined ? problemOf(asked, argument, namespace) : failureOf(asked);
	if (problem !== undefined) fail(context, 'failed', problem);
}

/** Whether the controller rolls the pods of a workload after a change. */
function isRolled(workload: unknown): boolean {
	const template = object(object(object(workload)?.['spec'])?.['template']);
	return (
		object(object(template?.['metadata'])?.['annotations'])?.[`${ANNOTATION_PREFIX}on-change`] === 'rollout'
	);
}

/** Asks the controller for a check of a workload, by an annotation. */
async function askController(
	cluster: ClusterClient,
	path: string,
	request: string,
): Promise<AskedController> {
	const body = { metadata: { annotations: { [ROLLOUT_ANNOTATIONS.requested]: request } } };
	const answer = await cluster.request('PATCH', path, body, 'application/merge-patch+json');
	if (!answer.ok) return { result: 'failed', why: answer.error.message };
	if (answer.value.status === 200) return { result: 'requested' };
	return { result: 'failed', why: statusMessage(answer.value) };
}

function failureOf(pods: readonly Asked[]): string | undefined {
	const failures = pods.filter(({ result }) => result === 'failed').length;
	return failures > 0 ? `${failures} of ${pods.length} pods could not be asked` : undefined;
}

function problemOf(pods: readonly Asked[], target: string, namespace: string): string | undefined {
	if (pods.length === 0) return `${target} has no pods in namespace ${namespace}`;
	const failure = failureOf(pods);
	if (failure !== undefined) return failure;
	if (pods.some(({ result }) => result === 'requested')) return undefined;
	return `no pod of ${target} in namespace ${namespace} has a running sidecar`;
}

async function askAll(
	cluster: ClusterClient,
	namespace: string,
	pods: readonly FoundPod[],
	request: string,
): Promise<readonly Asked[]> {
	const asked: Asked[] = [];
	for (let first = 0; first < pods.length; first += AT_ONCE)
		asked.push(
			...(await Promise.all(
				pods.slice(first, first + AT_ONCE).map((pod) => ask(cluster, namespace, pod, request)),
			)),
		);
	return asked;
}

async function ask(
	cluster: ClusterClient,
	namespace: string,
	{ name, uid, problem }: FoundPod,
	request: string,
): Promise<Asked> {
	if (problem !== undefined) return { name, result: 'skipped', why: problem };
	// With the UID, so that it never annotates a new pod of the same name.
	const body = { metadata: { uid, annotations: { [REQUEST_ANNOTATION]: request } } };
	const path = `${podsPath(namespace)}/${name}`;
	const answer = await cluster.request('PATCH', path, body, 'application/merge-patch+json');
	if (!answer.ok) return { name, result: 'failed', why: answer.error.message };
	const { status } = answer.value;
	if (status === 200) return { name, result: 'requested' };
	if (status === 404 || status === 409) return { name, result: 'skipped', why: 'it has gone meanwhile' };
	return {
		name,
		result: 'failed',
		why:
			status === 403 ? `you may not patch it: ${statusMessage(answer.value)}` : statusMessage(answer.value),
	};
}

function report(
	result: {
		readonly namespace: string;
		readonly request: string;
		readonly rollout?: AskedController;
		readonly pods: readonly Asked[];
	},
	output: Output,
	{ stdout }: Context,
): void {
	if (output === 'json') {
		stdout.write(json(result));
		return;
	}
	if (result.rollout?.result === 'requested')
		stdout.write('the controller was asked to compare its secrets\n');
	const rows = result.pods.map(({ name, result: outcome, why = '' }) => [name, outcome, why]);
	if (rows.length > 0) stdout.write(table(['POD', 'RESULT', 'WHY'], rows, stdout.paint));
}
