import { Argument, Command, Option } from '@commander-js/extra-typings';
import { SECRET_TYPE_NAMES } from '../../contract/secret-types.ts';
import { type Context, fail } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

import { revealCommand } from './reveal.ts';

import { scoped, secretVersionCommands } from './secret-versions.ts';

const VALUES = `
A value is never an argument: it would stay in the history of your shell, and everyone on the
machine could read it in the list of processes. It comes from standard input or from a file. On a
terminal the command asks for it.

  --value-stdin      standard input, without the line break at its end
  --from-file        a file, byte for byte; - is standard input, byte for byte
  --from-env-file    many: KEY=value lines, quotes over several lines, comments

With --type, one secret is several keys, which are made from its name (envtier secrets types).
What is not given is generated. --field takes fields that are no secret:

  --field-stdin      a field from standard input, without the line break at its end
  --field-from-file  a field from a file, byte for byte; - is standard input
`;

const CREATE_HELP = `${VALUES}
With --from-env-file either all secrets are created or none: everything is checked before the
first call, and after a failure the created ones are deleted.
${API_HELP}
Examples:
  pass show shop/db | envtier secrets create DATABASE_URL --deployment shop --value-stdin
  envtier secrets create TLS_KEY --deployment shop --service web --from-file tls.key
  envtier secrets create --from-env-file production.env --deployment shop
  envtier secrets create SENTRY_DSN --org --description 'error reports'
  envtier secrets create DB --type userpass --field username=shop --generate length=40 -d shop
  envtier secrets create WEB --type tls --generate hosts=web.shop.svc --generate days=90 -d shop
  envtier secrets create SESSION_KEY --type password --generate length=64 --rotate-every 90d -d shop
`;

const TYPES_HELP = `
Examples:
  envtier secrets types
  envtier secrets types tls
  envtier secrets types --output json | jq .userpass.keys
`;

const SET_HELP = `${VALUES}
The old value stays in the history: \`envtier secrets versions\`. With --from-env-file everything
is checked before the first call, and new secrets are created first. If an update fails, the
completed changes are printed; run it again to complete the rest.
${API_HELP}
Examples:
  openssl rand -hex 32 | envtier secrets set SESSION_KEY --deployment shop --value-stdin
  envtier secrets set --from-env-file production.env --deployment shop --service web
  envtier secrets set WEB --type tls --generate hosts=web.shop.svc --deployment shop
`;

const LIST_HELP = `
Values are not shown: the API never returns one.
${API_HELP}
Examples:
  envtier secrets list
  envtier secrets list --deployment shop
  envtier secrets list --org --output json | jq -r '.[].key'
`;

const DELETE_HELP = `
\`envtier secrets undelete\` restores a deleted secret. If one of the keys does not exist, none is
deleted. A running pod keeps its values; the next one gets the value of a lower tier, if there is
one.
${API_HELP}
Examples:
  envtier secrets delete OLD_KEY --deployment shop
  envtier secrets delete A B C --org --yes
`;

function list(context: Context) {
	return scoped('list')
		.summary('list secrets, without their values')
		.description(
			'Lists secrets, without their values: of a deployment, a template, the organization, or all of yours.',
		)
		.addOption(outputOption())
		.addHelpText('after', LIST_HELP)
		.action(async (options) => {
			const { listSecrets } = await import('../remote/secrets.ts');
			await listSecrets(options, context);
		});
}

const TYPED_OPTIONS = [
	'field',
	'fieldStdin',
	'fieldFromFile',
	'generate',
	'rotateEvery',
	'idempotencyKey',
] as const;

/** Collects the values of an option that can be repeated. */
function collect(value: string, before: unknown): readonly string[] {
	return [...(Array.isArray(before) ? (before as readonly string[]) : []), value];
}

/** The options of `create` and `set` that say where the value comes from. */
interface SourceOptions {
	readonly value?: string | undefined;
	readonly valueStdin?: true | undefined;
	readonly fromFile?: string | undefined;
	readonly fromEnvFile?: string | undefined;
	readonly description?: string | undefined;
	readonly type?: string | undefined;
	readonly field?: readonly string[] | undefined;
	readonly fieldStdin?: string | undefined;
	readonly fieldFromFile?: readonly string[] | undefined;
	readonly generate?: readonly string[] | undefined;
	readonly rotateEvery?: string | undefined;
	readonly idempotencyKey?: string | undefined;
}

/** Why the options contradict one another, in one or two sentences; undefined if they do not. */
function usageProblem(key: string | undefined, options: SourceOptions): readonly string[] | undefined {
	const { value, type, fromEnvFile, valueStdin, fromFile, description } = options;
	if (value !== undefined)
		return [
			'there is no --value: it would stay in the history of your shell, and everyone on this machine could read it in the list of processes',
			'use --value-stdin, --from-file or --from-env-file; and if that was a real secret, change it now',
		];
	const one = valueStdin !== undefined || fromFile !== undefined;
	if (type !== undefined)
		return one || fromEnvFile !== undefined
			? ['with --type, values come from --field-stdin and --field-from-file, or are generated']
			: undefined;
	if (TYPED_OPTIONS.some((option) => options[option] !== undefined))
		return [
			'--field, --field-stdin, --field-from-file, --generate, --rotate-every and --idempotency-key need --type',
		];
	if (fromEnvFile === undefined)
		return key === undefined ? ['the key is missing: name it, or use --from-env-file'] : undefined;
	return key !== undefined || one || description !== undefined
		? ['--from-env-file takes keys and values from the file: remove the key, value or description']
		: undefined;
}

function types(context: Context) {
	return new Command('types')
		.summary('show the types of secrets')
		.description('Shows the types of secrets, or the keys, fields and options of one. Needs no API.')
		.addArgument(new Argument('[type]', 'one of the types').choices(SECRET_TYPE_NAMES))
		.addOption(outputOption())
		.addHelpText('after', TYPES_HELP)
		.action(async (type, { output }) => {
			const { showTypes } = await import('../remote/types.ts');
			showTypes(type, output, context);
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
		.addOption(
			new Option('--type <type>', 'a typed secret: the argument is its name').choices(
				SECRET_TYPE_NAMES.filter((type) => type !== 'generic'),
			),
		)
		.option('--field <field=value>', 'a field that is no secret; can be repeated', collect)
		.option('--field-stdin <field>', 'read a field from standard input')
		.option('--field-from-file <field=file>', 'read a field from a file; can be repeated', collect)
		.addOption(
			new Option('--generate [option=value]', 'generate the values; can be repeated')
				.preset('')
				.argParser(collect),
		)
		.option(
			'--rotate-every <time>',
			'of a password: the controller writes a new one after this time, such as 90d',
		)
		.option('--idempotency-key <text>', 'of the command to repeat, for a typed secret')
		.option('--description <text>', 'description for people')
		.option(
			'--force',
			'create it although its name is a variable that makes programs run code, such as NODE_OPTIONS',
		)
		.addOption(outputOption())
		.addOption(new Option('--value <text>').hideHelp())
		.addHelpText('after', help)
		.action(async (key, options) => {
			const problem = usageProblem(key, options);
			if (problem !== undefined) return fail(context, 'usage', ...problem);
			const { value: _, fromEnvFile, type, ...rest } = options;
			if (type !== undefined) {
				const { writeTyped } = await import('../remote/typed.ts');
				return await writeTyped(name, key ?? '', { ...rest, type }, context);
			}
			if (fromEnvFile !== undefined) {
				const { createMany, setMany } = await import('../remote/bulk.ts');
				return await (name === 'create' ? createMany : setMany)(fromEnvFile, rest, context);
			}
			const { createSecret, setSecret } = await import('../remote/secrets.ts');
			await (name === 'create' ? createSecret : setSecret)(key ?? '', rest, context);
		});
}

function remove(context: Context) {
	return scoped('delete')
		.summary('delete secrets; undelete restores them')
		.description('Deletes secrets so that they can be restored.')
		.argument('<key...>', 'keys of the secrets')
		.option('-y, --yes', 'do not ask')
		.addOption(outputOption())
		.addHelpText('after', DELETE_HELP)
		.action(async (keys, options) => {
			const { deleteSecrets } = await import('../remote/delete.ts');
			await deleteSecrets(keys, options, context);
		});
}

const IMPORT_HELP = `
Reads the Secret with your own kubeconfig, and says who will be able to read the values. Either all
keys are created or none. The Secret stays as it is. A second run does nothing. Tokens of service
accounts, bootstrap tokens and releases of Helm are refused.
${API_HELP}
Examples:
  envtier secrets import --from-secret shop-db -n shop --deployment shop --dry-run
  envtier secrets import --from-secret web-tls -n shop --deployment shop --service web \\
    --rename tls.crt=TLS_CRT --rename tls.key=TLS_KEY
`;

const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
const words = (value: string): readonly string[] => value.split(',').map((part) => part.trim());

function importing(context: Context) {
	return scoped('import')
		.summary('create secrets from a Secret of Kubernetes')
		.description('Creates secrets from a Secret of Kubernetes, which it reads with your own rights.')
		.requiredOption('--from-secret <name>', 'the Secret')
		.option('-n, --namespace <name>', 'its namespace (default: that of the context)')
		.addOption(
			new Option('--rename <old=new>', 'give a key another name; may be repeated')
				.argParser(several)
				.default([] as readonly string[], 'none'),
		)
		.addOption(new Option('--only <keys>', 'import these keys alone, with commas').argParser(words))
		.option('--dry-run', 'say what would be created, and create nothing')
		.option('--force', 'also names of variables that make programs run code, such as NODE_OPTIONS')
		.option('--kubeconfig <file>', 'kubeconfig file (default: as kubectl)')
		.option('--context <name>', 'context of the kubeconfig (default: its current one)')
		.addOption(outputOption())
		.addHelpText('after', IMPORT_HELP)
		.action(async (options) => {
			const { importSecret } = await import('../import/run.ts');
			await importSecret(options, context);
		});
}

/** `envtier secrets …` */
export function secretsCommand(context: Context) {
	return secretVersionCommands(context).reduce(
		(command, child) => command.addCommand(child),
		new Command('secrets')
			.summary('manage secrets over the secrets API')
			.description('Manages secrets over the secrets API. It can write values, and never read them.')
			.addCommand(list(context))
			.addCommand(
				writing(
					'create',
					'create a secret, or many',
					'Creates a secret, or many from a file. Fails if a key exists.',
					CREATE_HELP,
					context,
				),
			)
			.addCommand(
				writing(
					'set',
					'set the value of a secret; create it if needed',
					'Sets the value of a secret, or of many from a file. Creates a secret that does not exist.',
					SET_HELP,
					context,
				),
			)
			.addCommand(remove(context))
			.addCommand(importing(context))
			.addCommand(types(context))
			.addCommand(revealCommand(context)),
	);
}
