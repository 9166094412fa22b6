import { type Context, fail } from '../context.ts';
import { json } from '../output.ts';
import { printable } from '../terminal.ts';
import { apply } from './apply.ts';
import { commandsOf } from './commands.ts';
import { type SetupOptions, setupPlan } from './plan.ts';
import { readAdminSettings } from './settings.ts';

/** `envtier vault setup` */
export async function setup(
	options: SetupOptions & { readonly apply?: boolean | undefined; readonly output: 'commands' | 'json' },
	context: Context,
): Promise<void> {
	const plan = setupPlan(options);
	if (!plan.ok) return fail(context, 'usage', plan.error);
	const { write } = context.stdout;
	if (!options.apply) {
		const { policies, rolePath, role } = plan.value;
		const body = { policies, role: { path: rolePath, body: JSON.parse(role) } };
		return write(options.output === 'json' ? json(body) : commandsOf(plan.value));
	}
	const settings = await readAdminSettings(context.env, context.stdin, '--apply');
	if (!settings.ok) return fail(context, 'usage', settings.error);
	const done = await apply(plan.value, settings.value, (line) => write(`${printable(line)}\n`));
	if (!done.ok) fail(context, done.error.ending, printable(done.error.message));
}
