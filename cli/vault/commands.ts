import type { SetupPlan } from './plan.ts';

/** The plan as commands of `vault` (or `bao`, which takes the same), to be read, changed, or given to a shell. */
export function commandsOf({ policies, rolePath, role }: SetupPlan): string {
	const written = policies.map(({ name, text }) => `vault policy write ${name} - <<'END'\n${text}END\n`);
	return [...written, `vault write ${rolePath} - <<'END'\n${role}END\n`].join('\n');
}
