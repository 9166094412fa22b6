import { createInterface } from 'node:readline/promises';
import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import type { ApiCall, ApiFailure } from './client.ts';
import { byTypedSecret, type LocationOptions, locationOf, type SecretLocation } from './secret-location.ts';
import { type SecretChange, secretsIn } from './secrets.ts';
import { failed, withApi } from './session.ts';

/** `envtier secrets delete KEY…`: if one key does not exist, none is deleted. */
export async function deleteSecrets(
	keys: readonly string[],
	options: LocationOptions & { readonly yes?: boolean | undefined; readonly output: Output },
	context: Context,
): Promise<void> {
	const location = locationOf(options);
	if (!location.ok) return fail(context, 'usage', location.error);
	await withApi(context, async ({ call }) => {
		const existing = await secretsIn(call, location.value);
		if (!existing.ok) return failed(context, existing.error);
		const ids = new Map(existing.value.map(({ key, id }) => [key, id]));
		const missing = [...new Set(keys)].filter((key) => !ids.has(key));
		if (missing.length > 0)
			return fail(
				context,
				'absent',
				`${location.value.title}: there is no ${missing.join(', ')}; nothing was deleted`,
			);
		// A typed secret is deleted as a whole.
		const uniqueKeys = [...byTypedSecret(existing.value).values()]
			.filter((group) => group.some(({ key }) => keys.includes(key)))
			.flatMap((group) => group.map(({ key }) => key));
		if (
			!options.yes &&
			!(await confirmed(`Delete ${uniqueKeys.join(', ')} of ${location.value.title}`, context))
		)
			return fail(context, 'failed', 'nothing was deleted');
		const { changes, failure } = await deleteEach(call, location.value, ids, uniqueKeys);
		// Also after a failure: these secrets are deleted.
		const lines = changes.map(({ key }) => `deleted ${key} of ${location.value.title}\n`).join('');
		context.stdout.write(options.output === 'json' ? json(changes) : lines);
		if (failure !== undefined) failed(context, failure);
	});
}

async function deleteEach(
	call: ApiCall,
	{ path }: SecretLocation,
	ids: ReadonlyMap<string, string>,
	keys: readonly string[],
): Promise<{ readonly changes: readonly SecretChange[]; readonly failure: ApiFailure | undefined }> {
	const changes: SecretChange[] = [];
	for (const key of keys) {
		const id = ids.get(key) ?? '';
		const deleted = await call('DELETE', path, { id });
		// A secret that is already gone counts as deleted.
		if (!deleted.ok && deleted.error.ending !== 'absent') return { changes, failure: deleted.error };
		changes.push({ id, key, status: 'deleted' });
	}
	return { changes, failure: undefined };
}

/** Asks a person for confirmation. Returns true without a question when standard input is no terminal. */
export async function confirmed(question: string, { stdin, stderr }: Context): Promise<boolean> {
	if (!stdin.isTTY || !stderr.interactive) return true;
	// The terminal itself echoes the input.
	const lines = createInterface({ input: stdin });
	stderr.write(`${question}? [y/N] `);
	try {
		return /^y(?:es)?$/i.test((await lines.question('')).trim());
	} finally {
		lines.close();
	}
}
