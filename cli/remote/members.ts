import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import { accessContext } from './reveal-context.ts';
import { failed, withApi } from './session.ts';

interface Members {
	readonly org: string;
	readonly owner: string;
	readonly members: readonly { readonly member: string; readonly role: string; readonly by: string }[];
	readonly transfer?: { readonly to: string; readonly org: string };
}

/** Options of `envtier deployments members`. */
export interface MembersOptions {
	readonly add?: string | undefined;
	readonly set?: string | undefined;
	readonly remove?: string | undefined;
	readonly role?: string | undefined;
	readonly output: Output;
}

/** `envtier deployments members NAME`: lists members, or changes one and lists them. */
export function members(name: string, options: MembersOptions, context: Context): Promise<void> {
	const { add, set, remove, role, output } = options;
	const changes = [add, set, remove].filter((one) => one !== undefined);
	if (changes.length > 1)
		return Promise.resolve(fail(context, 'usage', 'use one of --add, --set and --remove at a time'));
	if ((add ?? set) !== undefined && role === undefined)
		return Promise.resolve(
			fail(context, 'usage', '--add and --set need --role viewer, developer or manager'),
		);
	const [member] = changes;
	const method =
		add !== undefined ? 'POST' : set !== undefined ? 'PUT' : remove !== undefined ? 'DELETE' : 'GET';
	const body = member === undefined ? undefined : { member, ...(remove === undefined ? { role } : {}) };
	return show(name, 'members', [method, body], output, context);
}

/** Options of `envtier deployments transfer`. */
export interface TransferOptions {
	readonly to?: string | undefined;
	readonly org?: string | undefined;
	readonly accept?: true | undefined;
	readonly end?: true | undefined;
	readonly output: Output;
}

/** `envtier deployments transfer NAME`: offers a deployment, accepts an offer, or ends one. */
export function transfer(name: string, options: TransferOptions, context: Context): Promise<void> {
	const { to, org, accept, end, output } = options;
	if ([to, accept, end].filter((one) => one !== undefined).length !== 1)
		return Promise.resolve(fail(context, 'usage', 'use one of --to SUBJECT, --accept and --end'));
	const body = { to, ...(org === undefined ? {} : { org }) };
	const request = accept
		? (['PUT', undefined] as const)
		: end
			? (['DELETE', undefined] as const)
			: (['POST', body] as const);
	return show(name, 'transfer', request, output, context);
}

function show(
	name: string,
	part: 'members' | 'transfer',
	[method, body]: readonly [method: string, body: object | undefined],
	output: Output,
	context: Context,
): Promise<void> {
	return withApi(accessContext(context), async ({ call }) => {
		const answer = await call(method, `/api/deployments/${encodeURIComponent(name)}/${part}`, body);
		if (!answer.ok) return failed(context, answer.error);
		const { write, paint } = context.stdout;
		if (output === 'json') return write(json(answer.value));
		const { members = [], transfer } = answer.value as Partial<Members>;
		if (members.length === 0) return write('the offer has ended\n');
		const rows = members.map((one) => [one.member, one.role, one.by]);
		write(table(['MEMBER', 'ROLE', 'BY'], rows, paint));
		if (transfer !== undefined) write(`offered to ${transfer.to} in ${transfer.org}\n`);
	});
}

/** `envtier deployments delete NAME` */
export function deleteDeployment(name: string, confirm: string, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		const answer = await call('DELETE', `/api/deployments/${encodeURIComponent(name)}`, { confirm });
		if (!answer.ok) return failed(context, answer.error);
		context.stdout.write(
			`deleted the deployment ${name}; its secrets are soft-deleted, its name stays taken\n`,
		);
	});
}
