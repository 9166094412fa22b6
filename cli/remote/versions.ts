import { ok, type Result } from '../../contract/result.ts';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import type { ApiCall, ApiFailure } from './client.ts';
import { accessContext } from './reveal-context.ts';
import {
	isAt,
	type LocationOptions,
	locationOf,
	ownerLabel,
	type SecretLocation,
	type SecretSummary,
	typeLabel,
} from './secret-location.ts';
import { failed, withApi } from './session.ts';

interface Options extends LocationOptions {
	readonly output: Output;
}

/** The secrets of a list with further conditions. */
async function listWith(
	call: ApiCall,
	{ path, deploymentName }: Pick<SecretLocation, 'path' | 'deploymentName'>,
	conditions: Readonly<Record<string, string>>,
	all = false,
): Promise<Result<readonly SecretSummary[], ApiFailure>> {
	const place = path === '/api/secrets' && !all ? { deployment: deploymentName } : {};
	const answer = await call('GET', `${path}?${new URLSearchParams({ ...place, ...conditions })}`);
	return answer.ok ? ok(answer.value as readonly SecretSummary[]) : answer;
}

/** Finds the secret with a key at a location, and passes it to `work`. */
async function withSecret(
	key: string,
	options: Options,
	context: Context,
	states: readonly ('live' | 'deleted')[],
	work: (call: ApiCall, location: SecretLocation, id: string) => Promise<void>,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	await withApi(context, async ({ call }) => {
		for (const state of states) {
			const listed = await listWith(call, location.value, state === 'deleted' ? { deleted: 'true' } : {});
			if (!listed.ok) return failed(context, listed.error);
			const found = listed.value.find((one) => one.key === key && isAt(location.value, one));
			if (found !== undefined) return await work(call, location.value, found.id);
		}
		const what = states.includes('live') ? '' : 'deleted ';
		fail(context, 'absent', `${location.value.title}: there is no ${what}secret ${key}`);
	});
}

/** Prints the outcome of a change: a line for people, or an object. */
function printChange(
	{ output }: Options,
	context: Context,
	line: string,
	change: Readonly<Record<string, unknown>>,
): void {
	context.stdout.write(output === 'json' ? json(change) : `${line}\n`);
}

/** `envtier secrets show` */
export function showSecret(key: string, options: Options, context: Context): Promise<void> {
	return withSecret(key, options, context, ['live', 'deleted'], async (call, { path }, id) => {
		const answer = await call('GET', `${path}/${id}`);
		if (!answer.ok) return failed(context, answer.error);
		const entries = Object.entries(answer.value as Readonly<Record<string, unknown>>);
		const rows = entries.map(([name, value]) => [
			name,
			Array.isArray(value) ? value.join(', ') : String(value),
		]);
		const { stdout } = context;
		stdout.write(
			options.output === 'json' ? json(answer.value) : table(['FIELD', 'VALUE'], rows, stdout.paint),
		);
	});
}

interface VersionRow {
	readonly version: number;
	readonly createdAt: string;
	readonly deletedAt: string;
	readonly destroyed: boolean;
	readonly current: boolean;
	readonly by: string;
}

async function versionsOf(
	call: ApiCall,
	path: string,
	id: string,
): Promise<Result<readonly VersionRow[], ApiFailure>> {
	const answer = await call('GET', `${path}/versions?${new URLSearchParams({ id })}`);
	return answer.ok ? ok(answer.value as readonly VersionRow[]) : answer;
}

function stateOf({ destroyed, deletedAt, current }: VersionRow): string {
	if (destroyed) return 'destroyed';
	if (deletedAt !== '') return 'deleted';
	return current ? 'current' : '';
}

/** `envtier secrets versions` */
export function listVersions(key: string, options: Options, context: Context): Promise<void> {
	return withSecret(key, options, context, ['live', 'deleted'], async (call, { path }, id) => {
		const versions = await versionsOf(call, path, id);
		if (!versions.ok) return failed(context, versions.error);
		const rows = versions.value.map((one) => [String(one.version), one.createdAt, stateOf(one), one.by]);
		const { stdout } = context;
		const text = () => table(['VERSION', 'CREATED', 'STATE', 'BY'], rows, stdout.paint);
		stdout.write(options.output === 'json' ? json(versions.value) : text());
	});
}

/** `envtier secrets undelete` */
export function undeleteSecret(key: string, options: Options, context: Context): Promise<void> {
	return withSecret(key, options, context, ['deleted'], async (call, { path, title }, id) => {
		const answer = await call('POST', `${path}/undelete`, { id });
		if (!answer.ok) return failed(context, answer.error);
		printChange(options, context, `undeleted ${key} of ${title}`, { id, key, status: 'undeleted' });
	});
}

/** `envtier secrets restore` */
export function restoreSecret(key: string, text: string, options: Options, context: Context): Promise<void> {
	const version = Number(text);
	if (!Number.isSafeInteger(version) || version < 1)
		return Promise.resolve(fail(context, 'usage', 'the version must be a number from 1 on'));
	return withSecret(key, options, context, ['live'], async (call, { path, title }, id) => {
		const versions = await versionsOf(call, path, id);
		if (!versions.ok) return failed(context, versions.error);
		const expected = versions.value.find(({ current }) => current)?.version;
		const body = { id, version, expected };
		// Only the Reveal program reads old values, where it is installed.
		await withApi(accessContext(context), async ({ call: send }) => {
			const answer = await send('POST', `${path}/restore`, body);
			if (!answer.ok) return failed(context, answer.error);
			const { version: written } = answer.value as { readonly version: number };
			const line = `restored version ${version} of ${key} of ${title} as version ${written}`;
			printChange(options, context, line, { id, key, status: 'restored', version: written });
		});
	});
}

/** `envtier secrets destroy` */
export function destroySecret(
	key: string,
	options: Options & { readonly confirm?: string | undefined },
	context: Context,
): Promise<void> {
	if (options.confirm !== key)
		return Promise.resolve(
			fail(
				context,
				'usage',
				`say --confirm ${key}: a destroyed value cannot be restored; nothing was destroyed`,
			),
		);
	return withSecret(key, options, context, ['live', 'deleted'], async (call, { path, title }, id) => {
		const answer = await call('DELETE', `${path}?destroy=true`, { id, confirm: key });
		if (!answer.ok) return failed(context, answer.error);
		printChange(options, context, `destroyed ${key} of ${title}`, { id, key, status: 'destroyed' });
	});
}

/** `envtier secrets describe` */
export function describeSecret(
	key: string,
	options: Options & {
		readonly tag?: readonly string[] | undefined;
		readonly tags: boolean;
		readonly description?: string | undefined;
	},
	context: Context,
): Promise<void> {
	const { tag, tags: keepsTags, description } = options;
	const tags = keepsTags ? tag : [];
	if (tags === undefined && description === undefined)
		return Promise.resolve(fail(context, 'usage', 'name a change: --tag, --no-tags or --description'));
	return withSecret(key, options, context, ['live'], async (call, { path, title }, id) => {
		const answer = await call('PUT', `${path}/${id}`, { tags, description });
		if (!answer.ok) return failed(context, answer.error);
		printChange(options, context, `updated ${key} of ${title}`, { id, key, status: 'updated' });
	});
}

/** Conditions of a search. */
interface SearchOptions extends Options {
	readonly tag?: string | undefined;
	readonly type?: string | undefined;
	readonly expiring?: string | undefined;
	readonly deleted?: true | undefined;
}

/** `envtier secrets search` */
export async function searchSecrets(
	text: string | undefined,
	options: SearchOptions,
	context: Context,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	const { tag, type, expiring, deleted, deployment, template, org = false, output } = options;
	const wanted = { q: text, tag, type, expiring, deleted: deleted && 'true' };
	const conditions = Object.fromEntries(
		Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
	);
	await withApi(context, async ({ call }) => {
		const everywhere = deployment === undefined && template === undefined;
		const listed = await listWith(call, location.value, conditions, everywhere);
		if (!listed.ok) return failed(context, listed.error);
		const found =
			options.service === undefined ? listed.value : listed.value.filter((one) => isAt(location.value, one));
		const rows = found.map((one) => [
			...[one.key, ownerLabel(one, org), typeLabel(one)],
			...[(one.tags ?? []).join(', '), one.expiresAt ?? '', one.description],
		]);
		const head = ['KEY', 'BELONGS TO', 'TYPE', 'TAGS', 'EXPIRES', 'DESCRIPTION'];
		context.stdout.write(output === 'json' ? json(found) : table(head, rows, context.stdout.paint));
	});
}
