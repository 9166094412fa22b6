import { ok, type Result } from '../../contract/result.ts';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import type { ApiCall, ApiFailure } from './client.ts';
import { accessContext } from './reveal-context.ts';
import {
	byTypedSecret,
	type Incomplete,
	incompleteWarning,
	isAt,
	type LocationOptions,
	locationOf,
	ownerLabel,
	type SecretLocation,
	type SecretSummary,
	typeLabel,
} from './secret-location.ts';
import { failed, withApi } from './session.ts';

/** Options of a command about one secret. */
export interface SecretOptions extends LocationOptions {
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

/**
 * Finds the secret with a key at a location, and passes its id to `work`, and all keys that belong to it: a
 * typed secret may have several.
 */
export async function withSecret(
	key: string,
	options: SecretOptions,
	context: Context,
	states: readonly ('live' | 'deleted')[],
	work: (
		call: ApiCall,
		location: SecretLocation,
		id: string,
		group: readonly SecretSummary[],
	) => Promise<void>,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	await withApi(context, async ({ call }) => {
		for (const state of states) {
			const listed = await listWith(call, location.value, state === 'deleted' ? { deleted: 'true' } : {});
			if (!listed.ok) return failed(context, listed.error);
			const found = listed.value.find((one) => one.key === key && isAt(location.value, one));
			if (found === undefined) continue;
			const groups = [...byTypedSecret(listed.value).values()];
			const group = groups.find((one) => one.includes(found)) ?? [found];
			return await work(call, location.value, found.id, group);
		}
		const what = states.includes('live') ? '' : 'deleted ';
		fail(context, 'absent', `${location.value.title}: there is no ${what}secret ${key}`);
	});
}

/** Prints the outcome of a change: a line for people, or an object. */
export function printChange(
	{ output }: SecretOptions,
	context: Context,
	line: string,
	change: Readonly<Record<string, unknown>>,
): void {
	context.stdout.write(output === 'json' ? json(change) : `${line}\n`);
}

/** `envtier secrets show` */
export function showSecret(key: string, options: SecretOptions, context: Context): Promise<void> {
	return withSecret(key, options, context, ['live', 'deleted'], async (call, { path }, id) => {
		const answer = await call('GET', `${path}/${id}`);
		if (!answer.ok) return failed(context, answer.error);
		const { incomplete, ...detail } = answer.value as Readonly<Record<string, unknown>>;
		const entries = Object.entries(detail);
		context.stderr.write(incompleteWarning(key, incomplete as Incomplete | undefined));
		const rows = entries.map(([name, value]) => [
			name,
			name === 'rotation' ? rotationLabel(value as ShownRotation | null) : cellOf(value),
		]);
		const { stdout } = context;
		stdout.write(
			options.output === 'json' ? json(answer.value) : table(['FIELD', 'VALUE'], rows, stdout.paint),
		);
	});
}

interface ShownRotation {
	readonly every: string;
	readonly nextAt: string;
}

function rotationLabel(rotation: ShownRotation | null): string {
	if (rotation === null) return '';
	const { every, nextAt } = rotation;
	return nextAt === '' ? `every ${every}` : `every ${every}, next ${nextAt}`;
}

function cellOf(value: unknown): string {
	return Array.isArray(value) ? value.join(', ') : String(value);
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
export function listVersions(key: string, options: SecretOptions, context: Context): Promise<void> {
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
export function undeleteSecret(key: string, options: SecretOptions, context: Context): Promise<void> {
	return withSecret(key, options, context, ['deleted'], async (call, { path, title }, id) => {
		const answer = await call('POST', `${path}/undelete`, { id });
		if (!answer.ok) return failed(context, answer.error);
		printChange(options, context, `undeleted ${key} of ${title}`, { id, key, status: 'undeleted' });
	});
}

/** `envtier secrets restore` */
export function restoreSecret(
	key: string,
	text: string,
	options: SecretOptions,
	context: Context,
): Promise<void> {
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

/** `envtier secrets describe` */
export function describeSecret(
	key: string,
	options: SecretOptions & {
		readonly tag?: readonly string[] | undefined;
		readonly tags: boolean;
		readonly description?: string | undefined;
		readonly rotateEvery?: string | undefined;
		readonly rotate: boolean;
	},
	context: Context,
): Promise<void> {
	const { tag, tags: keepsTags, description, rotateEvery, rotate } = options;
	const tags = keepsTags ? tag : [];
	if (!rotate && rotateEvery !== undefined)
		return Promise.resolve(fail(context, 'usage', '--rotate-every and --no-rotate exclude each other'));
	const rotation = rotate ? rotateEvery && { every: rotateEvery } : null;
	if ([tags, description, rotation].every((change) => change === undefined))
		return Promise.resolve(
			fail(context, 'usage', 'name a change: --tag, --no-tags, --description, --rotate-every or --no-rotate'),
		);
	return withSecret(key, options, context, ['live'], async (call, { path, title }, id) => {
		const answer = await call('PUT', `${path}/${id}`, { tags, description, rotation });
		if (!answer.ok) return failed(context, answer.error);
		printChange(options, context, `updated ${key} of ${title}`, { id, key, status: 'updated' });
	});
}

/** Conditions of a search. */
interface SearchOptions extends SecretOptions {
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
