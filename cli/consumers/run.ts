import { isKey } from '../../contract/keys.ts';
import { parseName } from '../../contract/names.ts';
import { type Context, fail } from '../context.ts';
import { type ClusterChoice, openCluster } from '../doctor/cluster.ts';
import { json, type Output } from '../output.ts';
import { type LocationOptions, locationOf, type SecretSummary } from '../remote/secret-location.ts';
import { failed, withApi } from '../remote/session.ts';
import { findConsumers } from './find.ts';
import { consumersText, unknownText } from './report.ts';

/** Options of `envtier consumers`. */
export interface ConsumersOptions extends ClusterChoice {
	readonly deployment: string;
	readonly service?: string | undefined;
	readonly namespace?: string | undefined;
	readonly output: Output;
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
		const wanted = { key, id: own.id, deployment, service, overridingServices: servicesWith(all, key) };
		const found = await findConsumers(call, cluster.value, namespace, [wanted]);
		const { stdout, stderr } = context;
		const { consumers, unlisted } = found;
		stdout.write(
			options.output === 'json'
				? json({ consumers, unknown: unlisted })
				: consumersText(found, namespace, stdout.paint),
		);
		stderr.write(unknownText(unlisted));
	});
}

/** The services that have a secret with a key of their own. */
export function servicesWith(secrets: readonly SecretSummary[], key: string): readonly string[] {
	return secrets.flatMap((one) => (one.key === key && one.serviceName ? [one.serviceName] : []));
}
