import { Command, Option } from '@commander-js/extra-typings';
import { type Context, fail } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const VALUES = `
A value is never an argument: it would stay in the history of your shell, and everyone on the
machine could read it in the list of processes. It comes from standard input, from a file, or, on a
terminal, is asked for.

  --value-stdin      standard input, without the line break at its end
  --from-file        a file, byte for byte; - is standard input, byte for byte
  --from-env-file    many at once: KEY=value lines, quotes over several lines, comments
`;

const CREATE_HELP = `${VALUES}
With --from-env-file it is all or nothing: everything is checked before the first call, and if one
fails, those created before are deleted again.
${API_HELP}
Examples:
  pass show shop/db | envtier secrets create DATABASE_URL --deployment shop --value-stdin
  envtier secrets create TLS_KEY --deployment shop --service web --from-file tls.key
  envtier secrets create --from-env-file production.env --deployment shop
  envtier secrets create SENTRY_DSN --org --description 'error reports'
`;

const SET_HELP = `${VALUES}
A value that was there before cannot be had back. With --from-env-file everything is checked before
the first call and new secrets come first; if an update fails, what was done is told, and running it
again completes it.
${API_HELP}
Examples:
  openssl rand -hex 32 | envtier secrets set SESSION_KEY --deployment shop --value-stdin
  envtier secrets set --from-env-file production.env --deployment shop --service web
`;

const LIST_HELP = `
Values are not shown: the API never gives one back.
${API_HELP}
Examples:
  envtier secrets list
  envtier secrets list --deployment shop
  envtier secrets list --org --output json | jq -r '.[].key'
`;

const DELETE_HELP = `
All versions go. All of the keys must be there, else none is deleted. A running pod keeps what it
has; the next one gets the tier below, if that has the key.
${API_HELP}
Examples:
  envtier secrets delete OLD_KEY --deployment shop
  envtier secrets delete A B C --org --yes
`;

/** A command with the options that say where a secret belongs. */
function scoped(name: string) {
	return new Command(name)
		.option('-d, --deployment <name>', 'the deployment; without any of these it is a secret of your own')
		.option('-s, --service <name>', 'the service within the deployment or template')
		.option('--template <name>', 'the template')
		.option('--org', 'your organization: every deployment of it receives the secret');
}

function list(context: Context) {
	return scoped('list')
		.summary('list secrets, without their values')
		.description(
			'Lists secrets, without their values: of a deployment, a template, the organization, or all that are yours.',
		)
		.addOption(outputOption())
		.addHelpText('after', LIST_HELP)
		.action(async (options) => {
			const { listSecrets } = await import('../remote/secrets.ts');
			await listSecrets(options, context);
		});
}

function writing(
	name: 'create' | 'set',
	summary: string,
	description: string,
	help: string,
	context: Context,
) {
	return scoped(name)
		.summary(summary)
		.description(description)
		.argument('[key]', 'letters, digits and "_"; left out with --from-env-file')
		.option('--value-stdin', 'read the value from standard input')
		.option('--from-file <file>', 'read the value from a file')
		.option('--from-env-file <file>', 'read many keys and values from a file; - is standard input')
		.option('--description <text>', 'what it is for, for people')
		.option('--force', 'create it although it is named like a variable that runs code, such as NODE_OPTIONS')
		.addOption(outputOption())
		.addOption(new Option('--value <text>').hideHelp())
		.addHelpText('after', help)
		.action(async (key, options) => {
			const { value, fromEnvFile, ...rest } = options;
			if (value !== undefined)
				return fail(
					context,
					'usage',
					'there is no --value: it would stay in the history of your shell, and everyone on this machine could read it in the list of processes',
					'use --value-stdin, --from-file or --from-env-file; and if that was a real secret, change it now',
				);
			if (fromEnvFile !== undefined) {
				if (
					key !== undefined ||
					rest.valueStdin ||
					rest.fromFile !== undefined ||
					rest.description !== undefined
				)
					return fail(
						context,
						'usage',
						'--from-env-file takes keys and values from the file: give no key, value or description besides',
					);
				const { createMany, setMany } = await import('../remote/bulk.ts');
				return await (name === 'create' ? createMany : setMany)(fromEnvFile, rest, context);
			}
			if (key === undefined)
				return fail(context, 'usage', 'which key? Name it, or give many with --from-env-file');
			const { createSecret, setSecret } = await import('../remote/secrets.ts');
			await (name === 'create' ? createSecret : setSecret)(key, rest, context);
		});
}

function remove(context: Context) {
	return scoped('delete')
		.summary('delete secrets with all their versions')
		.description('Deletes secrets with all their versions.')
		.argument('<key...>', 'keys of the secrets')
		.option('-y, --yes', 'do not ask')
		.addOption(outputOption())
		.addHelpText('after', DELETE_HELP)
		.action(async (keys, options) => {
			const { deleteSecrets } = await import('../remote/delete.ts');
			await deleteSecrets(keys, options, context);
		});
}

/** `envtier secrets …` */
export function secretsCommand(context: Context) {
	return new Command('secrets')
		.summary('manage secrets over the secrets API')
		.description('Manages secrets over the secrets API. Values go in and never come out.')
		.addCommand(list(context))
		.addCommand(
			writing(
				'create',
				'create a secret, or many',
				'Creates a secret, or many from a file; fails where the key exists.',
				CREATE_HELP,
				context,
			),
		)
		.addCommand(
			writing(
				'set',
				'give a secret a value, whether it exists or not',
				'Gives a secret another value, or creates it; or many from a file.',
				SET_HELP,
				context,
			),
		)
		.addCommand(remove(context));
}
