import { isKey } from '../../contract/keys.ts';
import { parseName } from '../../contract/names.ts';
import { type Context, fail } from '../context.ts';
import { type ClusterChoice, openCluster } from '../doctor/cluster.ts';
import { json, type Output } from '../output.ts';
import type { ApiCall } from '../remote/client.ts';
import { type LocationOptions, locationOf, type SecretSummary } from '../remote/secret-location.ts';
import { failed, withApi } from '../remote/session.ts';
import { table } from '../table.ts';
import { reachOf } from './reach.ts';
import { type Candidate, findCandidates } from './workloads.ts';

/** Options of `envtier consumers`. */
export interface ConsumersOptions extends ClusterChoice {
	readonly deployment: string;
	readonly service?: string | undefined;
	readonly namespace?: string | undefined;
	readonly output: Output;
}

/** A version of the secret. */
interface Version {
	readonly version: number;
	readonly createdAt: string;
}

/** One row of the report. */
interface Consumer {
	readonly namespace: string;
	readonly workload: string;
	/** Empty for a workload without pods. */
	readonly pod: string;
	readonly result: 'receives' | 'does-not' | 'unknown';
	readonly why: string;
	/** The version that the pod started with; `unknown` if that cannot be told. */
	readonly version: number | 'unknown';
	readonly versionCreatedAt: string;
}

/** `envtier consumers`: who receives a secret, as far as the caller may see. */
export async function listConsumers(key: string, options: ConsumersOptions, context: Context): Promise<void> {
	const location = locationOf(options satisfies LocationOptions);
	if (!location.ok) return fail(context, 'usage', location.error);
	if (!isKey(key)) return fail(context, 'usage', 'KEY must be the key of a secret');
	const { namespace, deployment, service } = options;
	if (namespace !== undefined && !parseName(namespace).ok)
		return fail(context, 'usage', '--namespace must be the name of a namespace');
	const cluster = await openCluster(options);
	if (!cluster.ok) return fail(context, 'usage', cluster.error);
	await withApi(context, async ({ call }) => {
		const answer = await call('GET', `/api/secrets?deployment=${encodeURIComponent(deployment)}`);
		if (!answer.ok) return failed(context, answer.error);
		const all = (answer.value as readonly SecretSummary[]).filter((one) => one.key === key);
		const own = all.find(({ serviceName = '' }) => serviceName === (service ?? ''));
		if (own === undefined) return fail(context, 'absent', `${location.value.title} has no ${key}`);
		const services = all.flatMap(({ serviceName = '' }) => (serviceName === '' ? [] : [serviceName]));
		const wanted = { key, deployment, service, overridingServices: services };
		const { candidates, unlisted } = await findCandidates(cluster.value, namespace);
		const versions = await versionsOf(call, own.id);
		const consumers = candidates.flatMap((candidate) => {
			const reach = reachOf(candidate.annotations, candidate.containers, wanted);
			if (reach.kind === 'other') return [];
			const why = reach.kind === 'receives' ? '' : reach.why;
			return [consumerOf(candidate, reach.kind, why, versions)];
		});
		report(withoutCounted(consumers), unlisted, options, context);
	});
}

/** The versions, oldest first; undefined if the API does not tell them. */
async function versionsOf(call: ApiCall, id: string): Promise<readonly Version[] | undefined> {
	const answer = await call('GET', `/api/secrets/versions?id=${encodeURIComponent(id)}`);
	if (!answer.ok || !Array.isArray(answer.value)) return undefined;
	return (answer.value as readonly Version[]).toSorted((a, b) => a.version - b.version);
}

function consumerOf(
	{ namespace, workload, pod, fetched, refreshes }: Candidate,
	result: Consumer['result'],
	why: string,
	versions: readonly Version[] | undefined,
): Consumer {
	const version = result === 'receives' && fetched !== undefined ? versionAt(versions, fetched) : undefined;
	return {
		...{ namespace, workload, pod: pod ?? '', result },
		why: why || (refreshes ? 'its sidecar fetches newer versions' : ''),
		version: version?.version ?? 'unknown',
		versionCreatedAt: version?.createdAt ?? '',
	};
}

/** The version that a fetcher read. Unknown if one was written while it ran: its times have whole seconds. */
function versionAt(
	versions: readonly Version[] | undefined,
	{ from, to }: { readonly from: string; readonly to: string },
): Version | undefined {
	const until = (time: string, slack: number): Version | undefined =>
		versions?.findLast(({ createdAt }) => Date.parse(createdAt) <= Date.parse(time) + slack);
	const first = until(from, 0);
	return first === until(to, 1000) ? first : undefined;
}

/** Without templates of workloads whose pods are in the list themselves. */
function withoutCounted(consumers: readonly Consumer[]): readonly Consumer[] {
	const withPods = new Set(
		consumers.flatMap(({ namespace, workload, pod }) => (pod === '' ? [] : [`${namespace} ${workload}`])),
	);
	return consumers.filter(
		({ namespace, workload, pod }) => pod !== '' || !withPods.has(`${namespace} ${workload}`),
	);
}

function report(
	consumers: readonly Consumer[],
	unlisted: readonly string[],
	{ namespace, output }: ConsumersOptions,
	{ stdout, stderr }: Context,
): void {
	const place = namespace === undefined ? 'the namespaces' : `the namespace ${namespace}`;
	if (output === 'json') stdout.write(json({ consumers, unknown: unlisted }));
	else if (consumers.length > 0) {
		const rows = consumers.map((one) => [
			...[one.namespace, one.workload, one.pod || 'no pod now', one.result.replace('-', ' ')],
			one.version === 'unknown' ? 'unknown' : `${one.version} of ${one.versionCreatedAt}`,
			one.why,
		]);
		stdout.write(
			table(['NAMESPACE', 'WORKLOAD', 'POD', 'RESULT', 'STARTED WITH', 'WHY'], rows, stdout.paint),
		);
	} else if (unlisted.length === 0)
		stdout.write(`no pod and no workload in ${place} of this cluster names the deployment\n`);
	// Whoever may not see a consumer must not take it for none.
	for (const problem of unlisted) stderr.write(`unknown: ${problem}\n`);
	stderr.write('unknown: other clusters, and whoever reads Vault without Envtier\n');
}
