import { type Context, fail } from '../context.ts';
import { json } from '../output.ts';
import { apply } from './apply.ts';
import { type AdminClient, accessorOf, openAdminClient } from './client.ts';
import { commandsOf } from './commands.ts';
import {
	type ApiOptions,
	type ProgramOptions,
	programProblem,
	type SetupOptions,
	setupProblem,
} from './options.ts';
import {
	apiRole,
	type ControllerRole,
	controllerRole,
	deploymentRole,
	type RolesAndPolicies,
	revealRoles,
} from './plan.ts';
import { earlierOwnAccountPolicy, earlierPolicyNote, earlierPolicyProblem } from './previous-account.ts';
import { type AdminSettings, readAdminSettings } from './settings.ts';

/** Options for the output of a plan. */
interface OutputOptions {
	/** Writes the plan to Vault instead of printing it. */
	readonly apply?: boolean | undefined;
	/** Overwrites existing objects with other contents. */
	readonly replace?: boolean | undefined;
	readonly output: 'commands' | 'json';
}

/** `envtier vault setup` */
export async function setup(options: SetupOptions & OutputOptions, context: Context): Promise<void> {
	const problem = setupProblem(options);
	if (problem !== undefined) return fail(context, 'usage', problem);
	if (options.replace && !options.apply) return fail(context, 'usage', '--replace needs --apply');
	const purpose = options.sealed ? '--sealed' : options.own === undefined ? undefined : '--own';
	if (purpose === undefined) return applyOrPrint(deploymentRole(options, undefined), options, context);
	// These policies contain the auth method's accessor, which only Vault knows.
	const settings = await adminSettings(purpose, context);
	if (settings === undefined) return;
	const client = openAdminClient(settings);
	const { type, mount = type } = options;
	const accessor = await accessorOf(mount, client);
	if (!accessor.ok) return fail(context, accessor.error.ending, accessor.error.message);
	if (options.own === 'account' && (await earlierPolicyStops(mount, options, client, context))) return;
	return applyOrPrint(deploymentRole(options, accessor.value), options, context);
}

/**
 * Finds the policy of earlier versions and reports it. Returns true when nothing may be changed because of
 * it.
 */
async function earlierPolicyStops(
	mount: string,
	{ replace }: OutputOptions,
	client: AdminClient,
	context: Context,
): Promise<boolean> {
	const found = await earlierOwnAccountPolicy(mount, client);
	if (!found.ok) {
		fail(context, found.error.ending, found.error.message);
		return true;
	}
	const policy = found.value;
	if (policy === undefined) return false;
	if (replace) {
		const { stderr } = context;
		stderr.write(`${stderr.paint('warning', 'warning:')} ${earlierPolicyNote(policy)}\n`);
		return false;
	}
	const problem = await earlierPolicyProblem(policy, mount, client);
	if (problem.ok) fail(context, 'conflict', problem.value);
	else fail(context, problem.error.ending, problem.error.message);
	return true;
}

/** `envtier vault setup-api` */
export function setupApi(options: ApiOptions & OutputOptions, context: Context): Promise<void> {
	return setupProgram(options, () => apiRole(options), context);
}

/** `envtier vault setup-reveal` */
export function setupReveal(options: ProgramOptions & OutputOptions, context: Context): Promise<void> {
	return setupProgram(options, () => revealRoles(options), context);
}

/** `envtier vault setup-controller` and `envtier vault setup-rotation` */
export function setupController(
	kind: ControllerRole,
	options: ProgramOptions & OutputOptions,
	context: Context,
): Promise<void> {
	return setupProgram(options, () => controllerRole(kind, options), context);
}

async function setupProgram(
	options: ProgramOptions & OutputOptions,
	plan: () => RolesAndPolicies,
	context: Context,
): Promise<void> {
	const problem = programProblem(options);
	if (problem !== undefined) return fail(context, 'usage', problem);
	if (options.replace && !options.apply) return fail(context, 'usage', '--replace needs --apply');
	await applyOrPrint(plan(), options, context);
}

/** The plan as JSON. A plan of one role has it as `role`. */
function planAsJson({ policies, roles, settings }: RolesAndPolicies): object {
	const bodies = (all: RolesAndPolicies['roles']) =>
		all.map(({ path, json }) => ({ path, body: JSON.parse(json) as object }));
	const [role, ...more] = bodies(roles);
	return more.length === 0
		? { policies, role }
		: { policies, roles: [role, ...more], settings: bodies(settings) };
}

async function applyOrPrint(plan: RolesAndPolicies, options: OutputOptions, context: Context): Promise<void> {
	const { write } = context.stdout;
	if (!options.apply) return write(options.output === 'json' ? json(planAsJson(plan)) : commandsOf(plan));
	const settings = await adminSettings('--apply', context);
	if (settings === undefined) return;
	const done = await apply(plan, openAdminClient(settings), {
		replace: options.replace ?? false,
		say: (line) => write(`${line}\n`),
	});
	if (!done.ok) fail(context, done.error.ending, done.error.message);
}

/** The administrator's settings; undefined after an error was reported. */
async function adminSettings(
	purpose: '--apply' | '--own' | '--sealed',
	context: Context,
): Promise<AdminSettings | undefined> {
	const settings = await readAdminSettings(context.env, context.stdin, purpose);
	if (settings.ok) return settings.value;
	fail(context, 'usage', settings.error);
	return undefined;
}
