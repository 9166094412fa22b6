import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const CREATE_HELP = `
A key acts for you, within the scopes and roles that it gets, and until it ends. A session makes
keys; a key makes none. The key is printed this once, and nothing else to standard output.
${API_HELP}
Examples:
  envtier keys create ci --scopes secrets:read,secrets:write --days 30 --output-file ci.key
  envtier keys create audit-export --scopes audit --roles org_admin
`;

const REVOKE_HELP = `
${API_HELP}
Examples:
  envtier keys revoke 0123456789abcdef
  envtier keys revoke --org 0123456789abcdef
`;

const list = (text: string): readonly string[] => text.split(',').map((part) => part.trim());
const dayCount = (text: string): number => {
	if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a number of days.');
	return Number(text);
};

/** `envtier keys …` */
export function keysCommand(context: Context) {
	return new Command('keys')
		.summary('manage your API keys, and as an admin those of your organization')
		.description('Manages API keys. It needs a session: `envtier login`.')
		.addCommand(
			new Command('list')
				.summary('list your API keys, or as an admin those of your organization')
				.description('Lists your API keys, without the keys themselves.')
				.option('--org', 'list all keys of your organization, as an admin')
				.addOption(outputOption())
				.addHelpText('after', `${API_HELP}\nExamples:\n  envtier keys list\n  envtier keys list --org\n`)
				.action(async (options) => {
					const { listKeys } = await import('../remote/keys.ts');
					await listKeys(options, context);
				}),
		)
		.addCommand(
			new Command('create')
				.summary('create an API key')
				.description('Creates an API key that acts for you.')
				.argument('<name>', 'a label, for lists')
				.addOption(
					new Option('--scopes <scopes>', 'its scopes, with commas')
						.argParser(list)
						.default(['secrets:read']),
				)
				.addOption(new Option('--roles <roles>', 'its roles, with commas').argParser(list).default([]))
				.addOption(new Option('--days <number>', 'days until it ends').argParser(dayCount))
				.option('--output-file <file>', 'write the key to a file that only you can read')
				.addHelpText('after', CREATE_HELP)
				.action(async (name, options) => {
					const { createKey } = await import('../remote/keys.ts');
					await createKey(name, options, context);
				}),
		)
		.addCommand(
			new Command('revoke')
				.summary('revoke API keys')
				.description('Revokes API keys at once.')
				.argument('<id...>', 'ids of the keys, as `envtier keys list` shows them')
				.option('--org', 'revoke a key of your organization, as an admin')
				.addHelpText('after', REVOKE_HELP)
				.action(async (ids, options) => {
					const { revokeKeys } = await import('../remote/keys.ts');
					await revokeKeys(ids, options, context);
				}),
		);
}
