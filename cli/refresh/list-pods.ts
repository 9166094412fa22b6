import { err, ok, type Result } from '../../contract/result.ts';
import { type Json, object, objects, text } from '../../lib/json.ts';
import type { ApiAnswer } from '../../lib/kubernetes/client.ts';
import { podSelector } from '../../lib/kubernetes/selector.ts';
import { type ClusterClient, statusMessage } from '../doctor/cluster.ts';
import type { ExitStatus } from '../exit-codes.ts';
import { podsPath, type Target, targetPath } from './target.ts';

/** Why the command ends without a result. */
export interface Stop {
	readonly ending: ExitStatus;
	readonly message: string;
}

/** Pods of one page of a list. A pod has about 15 KiB. */
const PAGE = 200;

/** Gets the target: a pod or a workload. */
export async function getTarget(
	cluster: ClusterClient,
	target: Target,
	namespace: string,
): Promise<Result<unknown, Stop>> {
	const read = (one: Target) =>
		get(cluster, targetPath(one, namespace), `get the ${titleOf(one, namespace)}`);
	const found = await read(target);
	const spec = found.ok && target.kind === 'rollout' ? object(object(found.value)?.['spec']) : undefined;
	const reference = object(spec?.['workloadRef']);
	if (!found.ok || reference?.['kind'] !== 'Deployment') return found;
	// An Argo Rollout may use the pod template, and so the selector, of a Deployment.
	const deployment = await read({ kind: 'deployment', name: text(reference['name']) ?? '' });
	if (!deployment.ok) return deployment;
	const { selector, template } = object(object(deployment.value)?.['spec']) ?? {};
	return ok({ ...object(found.value), spec: { ...spec, selector, template } });
}

/** The pods of a target: the pod itself, or those of the workload. */
export async function podsOfTarget(
	cluster: ClusterClient,
	target: Target,
	namespace: string,
): Promise<Result<readonly Json[], Stop>> {
	const found = await getTarget(cluster, target, namespace);
	return found.ok ? await podsOf(cluster, target, namespace, found.value) : found;
}

/**
 * The pods of a target that was read.
 *
 * @param found the pod or the workload
 */
export async function podsOf(
	cluster: ClusterClient,
	target: Target,
	namespace: string,
	found: unknown,
): Promise<Result<readonly Json[], Stop>> {
	if (target.kind === 'pod') return ok([object(found) ?? {}]);
	const what = titleOf(target, namespace);
	const labelSelector = podSelector(found);
	if (labelSelector === undefined)
		return err({ ending: 'failed', message: `the ${what} has no selector of its pods: name the pods` });
	return await list(cluster, namespace, { labelSelector }, `list the pods of the ${what}`);
}

/** All pods of a namespace. */
export async function podsIn(
	cluster: ClusterClient,
	namespace: string,
): Promise<Result<readonly Json[], Stop>> {
	return await list(cluster, namespace, {}, `list the pods of namespace ${namespace}`);
}

function titleOf({ kind, name }: Target, namespace: string): string {
	return `${kind} ${namespace}/${name}`;
}

async function list(
	cluster: ClusterClient,
	namespace: string,
	filter: Readonly<Record<string, string>>,
	action: string,
): Promise<Result<readonly Json[], Stop>> {
	const pods: Json[] = [];
	let next = '';
	do {
		const query = new URLSearchParams({ ...filter, limit: String(PAGE) });
		if (next !== '') query.set('continue', next);
		const page = await get(cluster, `${podsPath(namespace)}?${query}`, action);
		if (!page.ok) return page;
		const { items, metadata } = object(page.value) ?? {};
		pods.push(...objects(items));
		next = text(object(metadata)?.['continue']) ?? '';
	} while (next !== '');
	return ok(pods);
}

/** @param action completes "you may not …" */
async function get(cluster: ClusterClient, path: string, action: string): Promise<Result<unknown, Stop>> {
	const answer = await cluster.request('GET', path);
	if (!answer.ok) return err({ ending: 'unavailable', message: answer.error.message });
	const { status, body } = answer.value;
	return status === 200 ? ok(body) : err(stopOf(answer.value, action));
}

function stopOf(answer: ApiAnswer, action: string): Stop {
	const said = statusMessage(answer);
	switch (answer.status) {
		case 401:
			return { ending: 'denied', message: `the API server does not accept the credentials: ${said}` };
		case 403:
			return { ending: 'denied', message: `you may not ${action}: ${said}` };
		case 404:
			return { ending: 'absent', message: said };
		default:
			return {
				ending: answer.status >= 500 || answer.status === 429 ? 'unavailable' : 'failed',
				message: `cannot ${action}: ${said}`,
			};
	}
}
