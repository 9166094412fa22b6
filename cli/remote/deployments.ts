import { type Context, fail } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import type { ApiFailure } from './client.ts';
import { missingReveal, revealContext } from './reveal-context.ts';
import { failed, withApi } from './session.ts';

/** A secret of a deployment, with its service (empty: shared by all services). */
interface NamedSecret {
	readonly serviceName: string;
	readonly key: string;
}

interface Deployment {
	readonly name: string;
	readonly org: string;
	readonly template: string;
	readonly createdAt: string;
}

interface CreatedDeployment extends Deployment {
	readonly generated: readonly NamedSecret[];
	readonly copied: readonly NamedSecret[];
	readonly kept: readonly NamedSecret[];
	readonly missing: readonly NamedSecret[];
}

/** `envtier deployments list` */
export function listDeployments(output: Output, context: Context): Promise<void> {
	return withApi(context, async ({ call }) => {
		const answer = await call('GET', '/api/deployments');
		if (!answer.ok) return failed(context, answer.error);
		const deployments = answer.value as readonly Deployment[];
		const rows = deployments.map(({ name, org, template, createdAt }) => [name, org, template, createdAt]);
		const { write, paint } = context.stdout;
		write(output === 'json' ? json(deployments) : table(['NAME', 'ORG', 'TEMPLATE', 'CREATED'], rows, paint));
	});
}

/** Options of `envtier deployments create`. */
export interface NewDeploymentOptions {
	readonly org?: string | undefined;
	readonly template?: string | undefined;
	readonly adopt?: true | undefined;
	readonly output: Output;
}

/**
 * Registers the name at the Reveal program, where it is installed: it alone decides who has access. Returns
 * false after an error was reported. A name that is taken is no error here: it may be the caller's already,
 * and the API decides.
 */
async function registerAccess(
	name: string,
	{ org: named, adopt }: NewDeploymentOptions,
	context: Context,
): Promise<boolean> {
	if (!context.env['ENVTIER_REVEAL_URL']) return true;
	let registered = false;
	const missing = missingReveal(context);
	if (missing !== undefined) fail(context, 'usage', missing);
	else
		await withApi(revealContext(context), async ({ call, settings }) => {
			const org = named ?? settings.org;
			if (org === undefined) return fail(context, 'usage', NO_ORG);
			const body = { name, org, ...(adopt === undefined ? {} : { adopt }) };
			const answer = await call('POST', '/api/access', body);
			registered = answer.ok || answer.error.ending === 'conflict';
			if (!answer.ok && !registered) failed(context, answer.error);
		});
	return registered;
}

const NO_ORG = 'the organization is missing: set --org NAME or ENVTIER_API_ORG';

/** `envtier deployments create NAME` */
export async function createDeployment(
	name: string,
	options: NewDeploymentOptions,
	context: Context,
): Promise<void> {
	if (!(await registerAccess(name, options, context))) return;
	await withApi(context, async ({ call, settings }) => {
		const org = options.org ?? settings.org;
		if (org === undefined) return fail(context, 'usage', NO_ORG);
		const { template, adopt } = options;
		const body = {
			name,
			org,
			...(template === undefined ? {} : { template }),
			...(adopt === undefined ? {} : { adopt }),
		};
		const answer = await call('POST', '/api/deployments', body);
		if (!answer.ok) return failed(context, inOptions(answer.error));
		const { write } = context.stdout;
		if (options.output === 'json') return write(json(answer.value));
		write(describe(answer.value as CreatedDeployment));
	});
}

/** Replaces the API's field names in a message by the command's options. */
function inOptions(failure: ApiFailure): ApiFailure {
	return { ...failure, message: failure.message.replace('send "adopt": true', 'use --adopt') };
}

function describe({ name, org, template, generated, copied, kept, missing }: CreatedDeployment): string {
	const list = (names: readonly NamedSecret[]): string =>
		names.map(({ serviceName, key }) => (serviceName === '' ? key : `${serviceName}/${key}`)).join(', ');
	const lines = [`created the deployment ${name} in ${org}`];
	if (template !== '') lines.push(`${copied.length} secrets copied from the template ${template}`);
	if (generated.length > 0) lines.push(`generated: ${list(generated)}`);
	if (kept.length > 0) lines.push(`existing, not changed: ${list(kept)}`);
	if (missing.length > 0) {
		lines.push(`without a value yet: ${list(missing)}`);
		lines.push(
			`give each one: envtier secrets create KEY --deployment ${name} --service SERVICE --value-stdin`,
		);
	}
	return `${lines.join('\n')}\n`;
}
