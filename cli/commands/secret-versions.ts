import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

/** Creates a command with the options that name a secret's location. */
export function scoped(name: string) {
	return new Command(name)
		.option('-d, --deployment <name>', 'the deployment; without any of these options: your own secrets')
		.option('-s, --service <name>', 'the service within the deployment or template')
		.option('--template <name>', 'the template')
		.option('--org', 'your organization; all of its deployments receive the secret');
}

const help = (text: string, ...examples: readonly string[]): string =>
	`\n${text}\n${API_HELP}\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}\n`;

function show(context: Context) {
	return scoped('show')
		.summary('show what is known about a secret')
		.description('Shows what is known about a secret, also about a deleted one; never its value.')
		.argument('<key>', 'key of the secret')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'Shows type, tags, version, state, who created and changed it, when it ends and when it rotates.',
				'envtier secrets show DATABASE_URL --deployment shop --service web',
			),
		)
		.action(async (key, options) => {
			const { showSecret } = await import('../remote/versions.ts');
			await showSecret(key, options, context);
		});
}

function versions(context: Context) {
	return scoped('versions')
		.summary('list the versions of a secret')
		.description('Lists the versions of a secret, also of a deleted one.')
		.argument('<key>', 'key of the secret')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'Who wrote a version comes from the audit store of the API. Without one it is known of the\nfirst version alone.',
				'envtier secrets versions DATABASE_URL --deployment shop --service web',
				'envtier secrets versions LICENSE --org --output json',
			),
		)
		.action(async (key, options) => {
			const { listVersions } = await import('../remote/versions.ts');
			await listVersions(key, options, context);
		});
}

function undelete(context: Context) {
	return scoped('undelete')
		.summary('restore a deleted secret with its last value')
		.description('Restores a deleted secret with its last value.')
		.argument('<key>', 'key of the secret')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'`envtier secrets search --deleted` lists secrets that can be restored. A typed secret is\nrestored with all of its keys.',
				'envtier secrets undelete OLD_KEY --deployment shop',
			),
		)
		.action(async (key, options) => {
			const { undeleteSecret } = await import('../remote/versions.ts');
			await undeleteSecret(key, options, context);
		});
}

function restore(context: Context) {
	return scoped('restore')
		.summary('write an old value as a new version')
		.description('Writes the value of an old version as a new version.')
		.argument('<key>', 'key of the secret')
		.argument('<version>', 'number of the version, from `envtier secrets versions`')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'The Reveal program does it, because it alone reads values: set ENVTIER_API_URL to its address.\nIf another version is written meanwhile, nothing changes.',
				'envtier secrets restore DATABASE_URL 3 --deployment shop --service web',
			),
		)
		.action(async (key, version, options) => {
			const { restoreSecret } = await import('../remote/versions.ts');
			await restoreSecret(key, version, options, context);
		});
}

function destroy(context: Context) {
	return scoped('destroy')
		.summary('destroy all versions of a secret for good')
		.description('Destroys all versions of a secret. Nothing but a backup of Vault brings them back.')
		.argument('<key>', 'key of the secret')
		.option('--confirm <key>', 'the key once more; required')
		.option('-y, --yes', 'do not ask, and do not look for consumers')
		.option('--kubeconfig <file>', 'kubeconfig file (default: as kubectl)')
		.option('--context <name>', 'context of the kubeconfig (default: its current one)')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'Needs a role in the organization and a person: a session or a Kubernetes token. Shows first who\nreceives the secret, as `envtier consumers` does with your own kubeconfig, and asks. Without a\nterminal it needs --yes.',
				'envtier secrets destroy OLD_KEY --deployment shop --confirm OLD_KEY',
				'envtier secrets destroy OLD_KEY --deployment shop --confirm OLD_KEY --yes',
			),
		)
		.action(async (key, options) => {
			const { destroySecret } = await import('../remote/destroy.ts');
			await destroySecret(key, options, context);
		});
}

/** Collects the values of an option that can be repeated. */
const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

function describe(context: Context) {
	return scoped('describe')
		.summary('change tags, description and rotation of a secret')
		.description('Changes tags, description and rotation of a secret, and not its value.')
		.argument('<key>', 'key of the secret')
		.option('--tag <tag>', 'a tag; can be repeated; replaces all tags', several)
		.option('--no-tags', 'remove all tags')
		.option('--description <text>', 'description for people; empty removes it')
		.option(
			'--rotate-every <time>',
			'of a password: the controller writes a new one after this time, such as 90d',
		)
		.option('--no-rotate', 'end the rotation: the password keeps its value')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'A secret has at most 10 tags of lowercase letters, digits, "-", "_", ".", ":" and "/".',
				'envtier secrets describe DATABASE_URL --deployment shop --tag db --tag team:web',
				"envtier secrets describe LICENSE --org --description 'of the database'",
				'envtier secrets describe SESSION_KEY --deployment shop --rotate-every 30d',
			),
		)
		.action(async (key, options) => {
			const { describeSecret } = await import('../remote/versions.ts');
			await describeSecret(key, options, context);
		});
}

function search(context: Context) {
	return scoped('search')
		.summary('find secrets by text, tag, type or expiry')
		.description('Finds secrets by a text in key or description, by tag, type or expiry.')
		.argument('[text]', 'text in key or description')
		.option('--tag <tag>', 'only with this tag')
		.option('--type <type>', 'only of this type, such as tls')
		.option('--expiring <time>', 'only those that end within this time, such as 30d or 12h')
		.option('--deleted', 'deleted secrets that can be undeleted')
		.addOption(outputOption())
		.addHelpText(
			'after',
			help(
				'Without a location it searches all of yours. Several conditions must all be met.',
				'envtier secrets search database',
				'envtier secrets search --type tls --expiring 30d --deployment shop',
				'envtier secrets search --deleted --deployment shop',
			),
		)
		.action(async (text, options) => {
			const { searchSecrets } = await import('../remote/versions.ts');
			await searchSecrets(text, options, context);
		});
}

/** The commands of `envtier secrets` about one secret and its versions, and the search. */
export function secretVersionCommands(context: Context) {
	return [show, search, describe, versions, undelete, restore, destroy].map((command) => command(context));
}
