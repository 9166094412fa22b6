import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { type Context, fail } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const HELP = `
Without --deployment or --all: what people of your organization did, and what was done to its own
secrets. The API must have an audit store, and your credentials the scope "audit".

With --vault-log the table also has what pods read, from an audit device of Vault. With --load the
command loads the audit lines of the API's log, for instance those of a replica that was killed,
each once (platform administrators).

A cell of CSV that a spreadsheet would run as a formula begins with an apostrophe.
${API_HELP}
Examples:
  envtier audit --deployment shop --since 1h
  envtier audit --deployment shop --key DATABASE_URL --since 90d
  envtier audit --since 90d --csv --output-file audit.csv
  envtier audit --deployment shop --since 1d --vault-log /var/log/vault-audit.log
  kubectl logs -n envtier-system deploy/envtier-api | envtier audit --load -
`;

const count = (text: string): number => {
	if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1.');
	return Number(text);
};

/** `envtier audit` */
export function auditCommand(context: Context) {
	return new Command('audit')
		.summary('show who did what with secrets, over the secrets API')
		.description(
			'Shows the audit entries of a deployment or of your organization, in the order of their time.',
		)
		.option('-d, --deployment <name>', 'only entries of this deployment')
		.option('--all', 'entries of all organizations (platform administrators)')
		.option('--actor <subject>', 'only entries of this subject, such as user:alice')
		.option('--action <id>', 'only entries of this action, such as secrets.update')
		.option('--key <key>', 'only entries of secrets with this key')
		.option('--since <time>', 'a duration (90d, 12h, 30m) back from now, or a time (RFC 3339)', '1d')
		.option('--until <time>', 'the same; by default now')
		.addOption(new Option('--limit <number>', 'at most this many entries').argParser(count))
		.option('--csv', 'write CSV, with every field')
		.option('--output-file <file>', 'write to a file that only you can read')
		.option('--vault-log <file>', 'add the reads of pods from an audit log of Vault; - is standard input')
		.option('--load <file>', 'load the audit lines of a log of the API; - is standard input')
		.addOption(outputOption())
		.addHelpText('after', HELP)
		.action(async ({ load, ...options }) => {
			if (load === undefined) {
				const { queryAudit } = await import('../audit/run.ts');
				return await queryAudit(options, context);
			}
			if (options.csv || options.vaultLog !== undefined || options.outputFile !== undefined)
				return fail(context, 'usage', '--load takes no other option but --output');
			const { loadLines } = await import('../audit/load.ts');
			await loadLines(load, options, context);
		});
}
