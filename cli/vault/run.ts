import { type Context, fail } from '../context.ts';
import { json } from '../output.ts';
import { accessorOf, apply } from './apply.ts';
import { commandsOf } from './commands.ts';
import {
	type ApiOptions,
	apiPlan,
	type SetupOptions,
	type SetupPlan,
	setupPlan,
	setupProblem,
} from './plan.ts';
import { type AdminSettings, readAdminSettings } from './settings.ts';

/** What becomes of a plan. */
interface Ending {
	/** Writes it to Vault instead of printing it. */
	readonly apply?: boolean | undefined;
	readonly output: 'commands' | 'json';
}

/** `envtier vault setup` */
export async function setup(options: SetupOptions & Ending, context: Context): Promise<void> {
	const problem = setupProblem(options);
	if (problem !== undefined) return fail(context, 'usage', problem);
	if (!options.sealed) return end(setupPlan(options, undefined), options, context);
	// Policies of sealed values name the auth method by an accessor, which Vault alone knows.
	const settings = await adminSettings('--sealed', context);
	if (settings === undefined) return;
	const accessor = await accessorOf(options.mount ?? options.type, settings);
	if (!accessor.ok) return fail(context, accessor.error.ending, accessor.error.message);
	return end(setupPlan(options, accessor.value), options, context);
}

/** `envtier vault setup-api` */
export async function setupApi(options: ApiOptions & Ending, context: Context): Promise<void> {
	const plan = apiPlan(options);
	if (!plan.ok) return fail(context, 'usage', plan.error);
	await end(plan.value, options, context);
}

async function end(plan: SetupPlan, options: Ending, context: Context): Promise<void> {
	const { write } = context.stdout;
	if (!options.apply) {
		const { policies, rolePath, role } = plan;
		const body = { policies, role: { path: rolePath, body: JSON.parse(role) } };
		return write(options.output === 'json' ? json(body) : commandsOf(plan));
	}
	const settings = await adminSettings('--apply', context);
	if (settings === undefined) return;
	const done = await apply(plan, settings, (line) => write(`${line}\n`));
	if (!done.ok) fail(context, done.error.ending, done.error.message);
}

/** Undefined when they are wrong, which has been said then. */
async function adminSettings(
	purpose: '--apply' | '--sealed',
	context: Context,
): Promise<AdminSettings | undefined> {
	const settings = await readAdminSettings(context.env, context.stdin, purpose);
	if (settings.ok) return settings.value;
	fail(context, 'usage', settings.error);
	return undefined;
}
