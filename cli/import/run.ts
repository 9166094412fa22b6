import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Context, fail } from '../context.ts';
import { type ClusterChoice, openCluster, statusMessage } from '../doctor/cluster.ts';
import type { ExitStatus } from '../exit-codes.ts';
import { json, type Output } from '../output.ts';
import { createAll } from '../remote/bulk.ts';
import { type LocationOptions, locationOf, type SecretLocation } from '../remote/secret-location.ts';
import { secretsIn } from '../remote/secrets.ts';
import { failed, type Session, withApi } from '../remote/session.ts';
import { entriesOf, type ImportedEntry, parseRenames } from './kubernetes-secret.ts';

/** Options of `envtier secrets import`. */
export interface ImportOptions extends LocationOptions, ClusterChoice {
	readonly fromSecret: string;
	readonly namespace?: string | undefined;
	readonly rename: readonly string[];
	readonly only?: readonly string[] | undefined;
	readonly dryRun?: true | undefined;
	readonly force?: true | undefined;
	readonly output: Output;
}

/** The Secret that was read, and what it becomes. */
interface Source {
	readonly title: string;
	readonly entries: readonly ImportedEntry[];
}

interface Stop {
	readonly ending: ExitStatus;
	readonly messages: readonly string[];
}

/** `envtier secrets import`: creates the secrets of a Secret of Kubernetes, or none. Changes no Secret. */
export async function importSecret(options: ImportOptions, context: Context): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	if (location.value.deploymentName === '' && options.org !== true)
		return fail(context, 'usage', 'name the place: --deployment, --template or --org');
	const source = await readSource(options);
	if (!source.ok) return fail(context, source.error.ending, ...source.error.messages);
	await withApi(context, (session) => importInto(session, location.value, source.value, options));
}

async function readSource(options: ImportOptions): Promise<Result<Source, Stop>> {
	const usage = (...messages: readonly string[]) => err({ ending: 'usage', messages } as const);
	const renames = parseRenames(options.rename);
	if (!renames.ok) return usage(renames.error);
	const { fromSecret: name, namespace: given } = options;
	if (!parseName(name).ok) return usage('--from-secret must be the name of a Secret');
	if (given !== undefined && !parseName(given).ok)
		return usage('--namespace must be the name of a namespace');
	const cluster = await openCluster(options);
	if (!cluster.ok) return usage(cluster.error);
	const namespace = given ?? cluster.value.namespace;
	const title = `Secret ${namespace}/${name}`;
	const answer = await cluster.value.request('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
	if (!answer.ok) return err({ ending: 'unavailable', messages: [answer.error.message] });
	const { status, body } = answer.value;
	if (status !== 200) {
		const ending = status === 404 ? 'absent' : status === 401 || status === 403 ? 'denied' : 'unavailable';
		return err({ ending, messages: [`${title}: ${statusMessage(answer.value)}`] });
	}
	const entries = entriesOf(body, renames.value, options.only);
	if (entries.ok) return ok({ title, entries: entries.value });
	return usage(...entries.error.map((problem) => `${title}: ${problem}`), 'nothing was imported');
}

/** Marks what an import created, so that a second run knows it. Never taken for the value itself. */
const markOf = (title: string, { from }: ImportedEntry): string => `imported from ${title}, ${from}`;

async function importInto(
	{ call, context }: Session,
	location: SecretLocation,
	{ title, entries }: Source,
	options: ImportOptions,
): Promise<void> {
	const existing = await secretsIn(call, location);
	if (!existing.ok) return failed(context, existing.error);
	const found = new Map(existing.value.map(({ key, description }) => [key, description]));
	const isDone = (entry: ImportedEntry): boolean => found.get(entry.key) === markOf(title, entry);
	const conflicts = entries.filter((entry) => found.has(entry.key) && !isDone(entry));
	if (conflicts.length > 0)
		return fail(
			context,
			'conflict',
			`${location.title} has ${conflicts.map(({ key }) => key).join(', ')} already, and not from ${title}: nothing was imported. --rename gives another name, --only leaves keys out`,
		);
	const fresh = entries.filter((entry) => !isDone(entry));
	const { stdout, stderr } = context;
	for (const line of audienceOf(location)) stderr.write(`${line}\n`);
	if (fresh.length === 0) {
		const note = `nothing to do: ${location.title} has all of ${title}\n`;
		return stdout.write(options.output === 'json' ? json([]) : note);
	}
	if (options.dryRun) {
		const plan = fresh.map(({ from, key }) => ({ from, key, status: 'would be created' }));
		const lines = plan.map(({ from, key }) => `would create ${key} from ${from}\n`).join('');
		return stdout.write(options.output === 'json' ? json(plan) : lines);
	}
	const created = fresh.map((entry) => ({
		...{ key: entry.key, value: entry.value, description: markOf(title, entry) },
	}));
	await createAll(call, location, created, options, context);
}

/** Who will be able to read the values, before anything is written. */
function audienceOf({ path, title, deploymentName, serviceName }: SecretLocation): readonly string[] {
	const pods =
		path === '/api/org/secrets'
			? 'every pod of the organization'
			: deploymentName.startsWith('template:')
				? 'pods of each deployment that is created from the template'
				: serviceName === ''
					? `every pod whose Vault role grants the deployment ${deploymentName}`
					: `pods of the service ${serviceName} whose Vault role grants the deployment ${deploymentName}`;
	const people =
		path === '/api/org/secrets'
			? 'people with a role of the organization, by a reveal'
			: 'its developers and managers, and admins of the organization during an elevation, by a reveal';
	return [`${title}: these can read it from now on: ${pods}; ${people}`];
}
