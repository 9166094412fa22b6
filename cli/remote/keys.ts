import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { openOutputFile } from '../output-file.ts';
import { table } from '../table.ts';
import { failed, withApi } from './session.ts';

/** An API key, without the key itself. */
interface ApiKey {
	readonly id: string;
	readonly name: string;
	readonly org: string;
	readonly scopes: readonly string[];
	readonly roles: readonly string[];
	readonly createdAt: string;
	readonly expiresAt: string;
	/** In the list of an organization: for whom the key acts. */
	readonly owner?: string;
}

/** Options of `envtier keys list` and `revoke`: all keys of your organization, as an admin. */
export interface WhoseKeys {
	readonly org?: true | undefined;
}

const pathOf = ({ org }: WhoseKeys): string => (org ? '/api/org/keys' : '/api/keys');

/** `envtier keys list` */
export function listKeys(
	{ output, ...whose }: WhoseKeys & { readonly output: Output },
	context: Context,
): Promise<void> {
	return withApi(context, async ({ call }) => {
		const answer = await call('GET', pathOf(whose));
		if (!answer.ok) return failed(context, answer.error);
		const keys = answer.value as readonly ApiKey[];
		const rows = keys.map(({ id, name, org, owner, scopes, roles, expiresAt }) => [
			...[id, name, ...(whose.org ? [owner ?? ''] : []), org, scopes.join(' '), roles.join(' '), expiresAt],
		]);
		const { write, paint } = context.stdout;
		const head = ['ID', 'NAME', ...(whose.org ? ['FOR'] : []), 'ORG', 'SCOPES', 'ROLES', 'ENDS'];
		write(output === 'json' ? json(keys) : table(head, rows, paint));
	});
}

/** Options of `envtier keys create`. */
export interface NewKeyOptions {
	readonly scopes: readonly string[];
	readonly roles: readonly string[];
	readonly days?: number | undefined;
	readonly outputFile?: string | undefined;
}

/**
 * `envtier keys create NAME`. The key goes to standard output alone, or to a file of its owner. Everything
 * else goes to standard error.
 */
export function createKey(name: string, options: NewKeyOptions, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		const { scopes, roles, days, outputFile } = options;
		// Before the key exists: a key that cannot be written would be lost.
		const file = outputFile === undefined ? undefined : await openOutputFile(outputFile);
		if (file?.ok === false) return fail(context, 'failed', file.error);
		const body = { name, scopes, roles, ...(days === undefined ? {} : { expiresInDays: days }) };
		const answer = await call('POST', '/api/keys', body);
		if (!answer.ok) {
			await file?.value.discard();
			return failed(context, answer.error);
		}
		const { key, id, expiresAt } = answer.value as ApiKey & { readonly key: string };
		context.stderr.write(`created the key ${id}, which ends at ${expiresAt}; it is shown this once\n`);
		if (file === undefined) return context.stdout.write(`${key}\n`);
		await file.value.write(`${key}\n`);
		const committed = await file.value.commit();
		if (!committed.ok) fail(context, 'failed', committed.error, `revoke the key: envtier keys revoke ${id}`);
	});
}

/** `envtier keys revoke ID…` */
export function revokeKeys(ids: readonly string[], whose: WhoseKeys, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		for (const id of ids) {
			const answer = await call('DELETE', pathOf(whose), { id });
			if (!answer.ok) return failed(context, { ...answer.error, message: `${id}: ${answer.error.message}` });
			context.stdout.write(`revoked ${id}\n`);
		}
	});
}
