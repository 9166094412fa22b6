import type { RoleAndPolicies } from './plan.ts';

/** Comment above the commands, the same as in the output of deploy/vault/setup.sh. */
const OVERWRITES =
	'# Each command overwrites what has the same name. To compare first: setup.sh without --print, or envtier with --apply.\n';

/** Formats the policies and the role as commands of `vault` (`bao` takes the same). */
export function commandsOf({ policies, rolePath, role }: RoleAndPolicies): string {
	const policyCommands = policies.map(
		({ name, text }) => `vault policy write ${name} - <<'END'\n${text}END\n`,
	);
	return [OVERWRITES, ...policyCommands, `vault write ${rolePath} - <<'END'\n${role}END\n`].join('\n');
}
