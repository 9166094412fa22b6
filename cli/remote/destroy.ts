import { findConsumers } from '../consumers/find.ts';
import { consumersText, unknownText } from '../consumers/report.ts';
import { servicesWith } from '../consumers/run.ts';
import { type Context, fail } from '../context.ts';
import { type ClusterChoice, openCluster } from '../doctor/cluster.ts';
import type { ApiCall } from './client.ts';
import { confirmed } from './delete.ts';
import type { LocationOptions, SecretSummary } from './secret-location.ts';
import { failed } from './session.ts';
import { printChange, type SecretOptions, withSecret } from './versions.ts';

/** Options of `envtier secrets destroy`. */
export interface DestroyOptions extends SecretOptions, ClusterChoice {
	/** The key once more. */
	readonly confirm?: string | undefined;
	readonly yes?: boolean | undefined;
}

/** `envtier secrets destroy`: shows who receives the secret, asks, and destroys all of its versions. */
export async function destroySecret(key: string, options: DestroyOptions, context: Context): Promise<void> {
	if (options.confirm !== key)
		return fail(
			context,
			'usage',
			`say --confirm ${key}: a destroyed value cannot be restored; nothing was destroyed`,
		);
	await withSecret(key, options, context, ['live', 'deleted'], async (call, { path, title }, id, group) => {
		if (!options.yes) {
			await showConsumers(call, group, options, context);
			const { stdin, stderr } = context;
			if (!stdin.isTTY || !stderr.interactive)
				return fail(context, 'usage', 'nothing was destroyed: without a terminal it needs --yes');
			const keys = group.map((one) => one.key).join(', ');
			if (!(await confirmed(`Destroy all versions of ${keys} of ${title}`, context)))
				return fail(context, 'failed', 'nothing was destroyed');
		}
		const answer = await call('DELETE', `${path}?destroy=true`, { id, confirm: key });
		if (!answer.ok) return failed(context, answer.error);
		printChange(options, context, `destroyed ${key} of ${title}`, { id, key, status: 'destroyed' });
	});
}

/** Says on standard error who receives one of the keys, or that this is unknown, and why. */
async function showConsumers(
	call: ApiCall,
	group: readonly SecretSummary[],
	options: LocationOptions & ClusterChoice,
	{ stderr }: Context,
): Promise<void> {
	const { deployment, service } = options;
	if (deployment === undefined) {
		if (options.org)
			stderr.write('unknown: who receives a secret of the organization; it may be every deployment of it\n');
		return;
	}
	const cluster = await openCluster(options);
	if (!cluster.ok) return stderr.write(`unknown: who receives it: ${cluster.error}\n`);
	const listed = await call('GET', `/api/secrets?deployment=${encodeURIComponent(deployment)}`);
	const all = listed.ok ? (listed.value as readonly SecretSummary[]) : [];
	const wanted = group.map(({ key, id }) => ({
		...{ key, id, deployment, service },
		overridingServices: servicesWith(all, key),
	}));
	const found = await findConsumers(call, cluster.value, undefined, wanted);
	stderr.write(consumersText(found, undefined, stderr.paint));
	stderr.write(unknownText(found.unlisted));
}
