import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { openOutputFile } from '../output-file.ts';
import { table } from '../table.ts';
import { missingReveal, revealContext } from './reveal-context.ts';
import { type Incomplete, incompleteWarning } from './secret-location.ts';
import { failed, withApi } from './session.ts';

/** Options of `envtier secrets reveal`. */
export interface RevealOptions {
	readonly deployment?: string | undefined;
	readonly service?: string | undefined;
	readonly org?: string | undefined;
	readonly reason: string;
	readonly outputFile?: string | undefined;
}

/** `envtier secrets reveal KEY`: shows the value on a terminal, or writes it to a file of its owner. */
export async function revealSecret(key: string, options: RevealOptions, context: Context): Promise<void> {
	const { outputFile, ...target } = options;
	if (outputFile === undefined && !context.stdout.interactive)
		return fail(context, 'usage', 'a value is shown on a terminal only: use --output-file FILE for a file');
	const missing = missingReveal(context);
	if (missing !== undefined) return fail(context, 'usage', missing);
	await withApi(revealContext(context), async ({ call }) => {
		const answer = await call('POST', '/api/reveal', { ...target, key });
		if (!answer.ok) return failed(context, answer.error);
		const { value, incomplete } = answer.value as {
			readonly value: string;
			readonly incomplete?: Incomplete;
		};
		context.stderr.write(incompleteWarning(key, incomplete));
		// `write` replaces control characters and those that change the direction of text.
		if (outputFile === undefined) return context.stdout.write(`${value}\n`);
		const file = await openOutputFile(outputFile);
		if (!file.ok) return fail(context, 'failed', file.error);
		await file.value.write(value);
		const done = await file.value.commit();
		if (!done.ok) fail(context, 'failed', done.error);
	});
}

/** Options of `envtier elevate`. */
export interface ElevateOptions {
	readonly deployment?: string | undefined;
	readonly org?: string | undefined;
	readonly reason?: string | undefined;
	readonly list?: true | undefined;
	readonly approve?: string | undefined;
	readonly end?: true | undefined;
	readonly output: Output;
}

interface ListedElevation {
	readonly id: string;
	readonly subject: string;
	readonly state: string;
	readonly requestedAt: string;
	readonly reason: string;
	readonly seconds: number;
}

/** `envtier elevate`: starts, lists, approves or ends an elevation. */
export async function elevate(options: ElevateOptions, context: Context): Promise<void> {
	const { deployment, org, reason, list, approve, end, output } = options;
	const missing = missingReveal(context);
	if (missing !== undefined) return fail(context, 'usage', missing);
	const target = {
		...(deployment === undefined ? {} : { deployment }),
		...(org === undefined ? {} : { org }),
	};
	const [method, body] = requestOf(target, { reason, list, approve, end });
	const query = method === 'GET' ? `?${new URLSearchParams(target)}` : '';
	await withApi(revealContext(context), async ({ call }) => {
		const answer = await call(method, `/api/elevations${query}`, body);
		if (!answer.ok) return failed(context, answer.error);
		const { write, paint } = context.stdout;
		if (output === 'json') return write(json(answer.value));
		if (method === 'DELETE') return write('the elevation has ended\n');
		const all = (Array.isArray(answer.value) ? answer.value : [answer.value]) as readonly ListedElevation[];
		const rows = all.map((one) => [one.id, one.subject, one.state, one.requestedAt, one.reason]);
		write(table(['ID', 'WHO', 'STATE', 'SINCE', 'REASON'], rows, paint));
	});
}

function requestOf(
	target: object,
	{ reason, list, approve, end }: Pick<ElevateOptions, 'reason' | 'list' | 'approve' | 'end'>,
): readonly [method: string, body: object | undefined] {
	if (list) return ['GET', undefined];
	if (approve !== undefined) return ['PUT', { ...target, id: approve }];
	return end ? ['DELETE', target] : ['POST', { ...target, reason }];
}
