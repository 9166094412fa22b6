import { createInterface } from 'node:readline/promises';
import { type Context, fail } from '../context.ts';
import { type ScopeOptions, scopeOf } from './scope.ts';
import { secretsIn } from './secrets.ts';
import { failed, withApi } from './session.ts';

/** `envtier secrets delete KEY…`: all of them must be there, else none is deleted. */
export async function deleteSecrets(
	keys: readonly string[],
	options: ScopeOptions & { readonly yes?: boolean | undefined },
	context: Context,
): Promise<void> {
	const scope = scopeOf(options);
	if (!scope.ok) return fail(context, 'usage', scope.error);
	await withApi(context, async ({ call }) => {
		const there = await secretsIn(call, scope.value);
		if (!there.ok) return failed(context, there.error);
		const ids = new Map(there.value.map(({ key, id }) => [key, id]));
		const wanted = [...new Set(keys)];
		const missing = wanted.filter((key) => !ids.has(key));
		if (missing.length > 0)
			return fail(
				context,
				'absent',
				`${scope.value.title}: there is no ${missing.join(', ')}; nothing was deleted`,
			);
		if (
			!options.yes &&
			!(await confirmed(`Delete ${wanted.join(', ')} of ${scope.value.title}, all versions`, context))
		)
			return fail(context, 'failed', 'nothing was deleted');
		for (const key of wanted) {
			const deleted = await call('DELETE', scope.value.path, { id: ids.get(key) });
			// Gone already is what was wanted.
			if (!deleted.ok && deleted.error.ending !== 'absent') return failed(context, deleted.error);
			context.stdout.write(`deleted ${key} of ${scope.value.title}\n`);
		}
	});
}

/** Asks where a person is there to answer; elsewhere the command line is the answer. */
export async function confirmed(question: string, { stdin, stderr }: Context): Promise<boolean> {
	if (!stdin.isTTY || !stderr.interactive) return true;
	// The terminal itself shows what is typed.
	const lines = createInterface({ input: stdin });
	stderr.write(`${question}? [y/N] `);
	try {
		return /^y(?:es)?$/i.test((await lines.question('')).trim());
	} finally {
		lines.close();
	}
}
