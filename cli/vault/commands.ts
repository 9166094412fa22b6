import type { JsonAtPath, RolesAndPolicies } from './plan.ts';

/** Comment above the commands, the same as in the output of deploy/vault/setup.sh. */
const OVERWRITES =
	'# Each command overwrites what has the same name. To compare first: setup.sh without --print, or envtier with --apply.\n';

/** Formats the policies, the roles and the settings as commands of `vault` (`bao` takes the same). */
export function commandsOf({ policies, roles, settings }: RolesAndPolicies): string {
	const policyCommands = policies.map(
		({ name, text }) => `vault policy write ${name} - <<'END'\n${text}END\n`,
	);
	const write = ({ path, json }: JsonAtPath): string => `vault write ${path} - <<'END'\n${json}END\n`;
	return [OVERWRITES, ...policyCommands, ...roles.map(write), ...settings.map(write)].join('\n');
}
