import { type Context, fail } from '../context.ts';
import { readInput } from '../files.ts';
import { json, type Output } from '../output.ts';
import type { ApiCall, ApiFailure } from './client.ts';
import { type EnvEntry, parseEnvFile } from './env-file.ts';
import { openProgress } from './progress.ts';
import {
	type LocationOptions,
	locationOf,
	type SecretLocation,
	type SecretSummary,
} from './secret-location.ts';
import { create, creation, type SecretChange, secretsIn, update } from './secrets.ts';
import { failed, withApi } from './session.ts';

/** Options of the commands that write many secrets. */
interface BulkOptions extends LocationOptions {
	/** Creates also keys with the names of variables by which programs run code. */
	readonly force?: true | undefined;
	readonly output: Output;
}

/** An entry to create. */
export interface NewEntry extends EnvEntry {
	readonly description?: string;
}

/** Maximum number of concurrent calls. */
const AT_ONCE = 4;

/** Reads a file of many secrets. Passes them to `work` with the secrets that already exist. */
async function withEntries(
	file: string,
	options: LocationOptions,
	context: Context,
	work: (
		call: ApiCall,
		location: SecretLocation,
		entries: readonly EnvEntry[],
		existing: readonly SecretSummary[],
	) => Promise<void>,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	const text = await readInput(file, context.stdin);
	if (!text.ok) return fail(context, 'usage', text.error);
	const entries = parseEnvFile(text.value);
	if (!entries.ok)
		return fail(
			context,
			'usage',
			...entries.error.map((problem) => `${file}: ${problem}`),
			'nothing was changed',
		);
	await withApi(context, async ({ call }) => {
		const existing = await secretsIn(call, location.value);
		if (!existing.ok) return failed(context, existing.error);
		await work(call, location.value, entries.value, existing.value);
	});
}

/** `envtier secrets create --from-env-file FILE`: creates all of them, or none. */
export function createMany(file: string, options: BulkOptions, context: Context): Promise<void> {
	return withEntries(file, options, context, async (call, location, entries, existing) => {
		const existingKeys = new Set(existing.map(({ key }) => key));
		const conflicts = entries.filter(({ key }) => existingKeys.has(key));
		if (conflicts.length > 0)
			return fail(
				context,
				'conflict',
				`${location.title} has ${conflicts.map(({ key }) => key).join(', ')} already; nothing was changed. \`envtier secrets set\` gives them other values`,
			);
		await createAll(call, location, entries, options, context);
	});
}

/** Creates all entries, whose keys are free, or none. Prints the changes, or why there are none. */
export async function createAll(
	call: ApiCall,
	location: SecretLocation,
	entries: readonly NewEntry[],
	options: Pick<BulkOptions, 'force' | 'output'>,
	context: Context,
): Promise<void> {
	const { done, failures } = await forEachEntry(entries, context, (entry) =>
		create(call, location, { ...entry, force: options.force }),
	);
	if (failures.length > 0) return await undo(call, location, done, failures, context);
	const changes = inFileOrder(entries, done.map(createdOf));
	printChanges(changes, `${entries.length} created in ${location.title}`, options, context);
}

/** A completed entry, and the API's response. */
interface CompletedEntry {
	readonly entry: EnvEntry;
	readonly answer: unknown;
}

const createdOf = ({ answer }: CompletedEntry): SecretChange => creation(answer);
const updatedOf = (key: string, id: string): SecretChange => ({ id, key, status: 'updated' });

/** Sorts results in the order of the file: calls end in any order. */
function inFileOrder(
	entries: readonly EnvEntry[],
	changes: readonly SecretChange[],
): readonly SecretChange[] {
	const byKey = new Map(changes.map((change) => [change.key, change]));
	return entries.flatMap(({ key }) => byKey.get(key) ?? []);
}

function printChanges(
	changes: readonly SecretChange[],
	counts: string,
	{ output }: Pick<BulkOptions, 'output'>,
	{ stdout }: Context,
): void {
	const lines = [...changes.map(({ status, key }) => `${status} ${key}`), counts];
	stdout.write(output === 'json' ? json(changes) : `${lines.join('\n')}\n`);
}

/** An entry and its failure. */
interface FailedEntry {
	readonly entry: EnvEntry;
	readonly error: ApiFailure;
}

/** Deletes the secrets that were created before a failure. Reports those that could not be deleted. */
async function undo(
	call: ApiCall,
	location: SecretLocation,
	done: readonly CompletedEntry[],
	failures: readonly FailedEntry[],
	context: Context,
): Promise<void> {
	const leftovers: string[] = [];
	for (const { key, id } of [...done.map(idOf), ...(await findUncertain(call, location, failures))]) {
		const deleted = id === undefined ? undefined : await call('DELETE', location.path, { id });
		if (deleted === undefined || (!deleted.ok && deleted.error.ending !== 'absent')) leftovers.push(key);
	}
	const end =
		leftovers.length === 0
			? 'nothing was changed'
			: `created, and could not be deleted again: ${leftovers.join(', ')}`;
	const [first] = failures;
	fail(context, first?.error.ending ?? 'failed', `${first?.entry.key}: ${first?.error.message}`, end);
}

/** A secret that may have to be deleted. Without an id it cannot be deleted. */
interface CreatedSecret {
	readonly key: string;
	readonly id: string | undefined;
}

function idOf({ entry, answer }: CompletedEntry): CreatedSecret {
	return { key: entry.key, id: (answer as SecretSummary).id };
}

/** Secrets whose creation got no response. They did not exist before, so any that exist now are ours. */
async function findUncertain(
	call: ApiCall,
	location: SecretLocation,
	failures: readonly FailedEntry[],
): Promise<readonly CreatedSecret[]> {
	const keys = failures.filter(({ error }) => error.uncertain).map(({ entry }) => entry.key);
	if (keys.length === 0) return [];
	const existing = await secretsIn(call, location);
	if (!existing.ok) return keys.map((key) => ({ key, id: undefined }));
	return existing.value.filter(({ key }) => keys.includes(key)).map(({ key, id }) => ({ key, id }));
}

/**
 * `envtier secrets set --from-env-file FILE`. An overwritten value cannot be restored, so updates are not
 * undone. The command checks everything before the first call, creates new secrets first, and prints the
 * completed changes. A second run completes the rest.
 */
export function setMany(file: string, options: BulkOptions, context: Context): Promise<void> {
	return withEntries(file, options, context, async (call, location, entries, existing) => {
		const ids = new Map(existing.map(({ key, id }) => [key, id]));
		const fresh = entries.filter(({ key }) => !ids.has(key));
		const old = entries.filter(({ key }) => ids.has(key));
		const created = await forEachEntry(fresh, context, (entry) =>
			create(call, location, { ...entry, force: options.force }),
		);
		if (created.failures.length > 0)
			return await undo(call, location, created.done, created.failures, context);
		const updated = await forEachEntry(old, context, (entry) =>
			update(call, location, ids.get(entry.key) ?? '', entry),
		);
		const changes = [
			...inFileOrder(fresh, created.done.map(createdOf)),
			...updated.done.map(({ entry: { key } }) => updatedOf(key, ids.get(key) ?? '')),
		];
		const counts = `${fresh.length} created, ${updated.done.length} updated in ${location.title}`;
		printChanges(changes, counts, options, context);
		const [failure] = updated.failures;
		if (failure === undefined) return;
		const { entry, error } = failure;
		const unchanged = old.length - updated.done.length;
		fail(
			context,
			error.ending,
			`${entry.key}: ${error.message}`,
			`${unchanged} not updated: run it again to complete it`,
		);
	});
}

/** Runs `work` for each entry, at most `AT_ONCE` at a time. Starts no new call after a failure. */
async function forEachEntry(
	entries: readonly EnvEntry[],
	context: Context,
	work: (entry: EnvEntry) => ReturnType<ApiCall>,
): Promise<{ readonly done: readonly CompletedEntry[]; readonly failures: readonly FailedEntry[] }> {
	const progress = openProgress(context.stderr, entries.length);
	const done: CompletedEntry[] = [];
	const failures: FailedEntry[] = [];
	const queue = entries.values();
	const worker = async (): Promise<void> => {
		for (const entry of queue) {
			if (failures.length > 0) return;
			const result = await work(entry);
			if (result.ok) done.push({ entry, answer: result.value });
			else failures.push({ entry, error: result.error });
			progress.step();
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	progress.end();
	return { done, failures };
}
