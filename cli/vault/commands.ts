import type { RoleAndPolicies } from './plan.ts';

/** Stands above the commands, here and in what deploy/vault/setup.sh prints. */
const OVERWRITES =
	'# Each command overwrites what has the same name. To compare first: setup.sh without --print, or envtier with --apply.\n';

/** Formats the policies and the role as commands of `vault` (`bao` takes the same). */
export function commandsOf({ policies, rolePath, role }: RoleAndPolicies): string {
	const written = policies.map(({ name, text }) => `vault policy write ${name} - <<'END'\n${text}END\n`);
	return [OVERWRITES, ...written, `vault write ${rolePath} - <<'END'\n${role}END\n`].join('\n');
}
