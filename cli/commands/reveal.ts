import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { REVEAL_VARIABLES } from '../remote/reveal-context.ts';

const VARIABLES = Object.entries(REVEAL_VARIABLES)
	.map(([name, meaning]) => `  ${name}\n      ${meaning}`)
	.join('\n');

/** `envtier secrets reveal` */
export function revealCommand(context: Context) {
	return new Command('reveal')
		.summary('show the value of a secret, where the Reveal program is installed')
		.description('Shows the value of a secret on a terminal, or writes it to a file. It is audited.')
		.argument('<key>', 'key of the secret')
		.option('--deployment <name>', 'its deployment')
		.option('--service <name>', 'its service')
		.option('--org <name>', 'its organization, for a secret of the organization')
		.requiredOption('--reason <text>', 'why you must see it; the audit has it')
		.option('--output-file <file>', 'write the value to this file (mode 0600) instead')
		.addHelpText(
			'after',
			`\nVariables:\n${VARIABLES}\n\nExamples:\n  envtier secrets reveal TOKEN --deployment shop --reason 'incident 42'\n`,
		)
		.action(async (key, options) => {
			const { revealSecret } = await import('../remote/reveal.ts');
			await revealSecret(key, options, context);
		});
}

/** `envtier elevate` */
export function elevateCommand(context: Context) {
	return new Command('elevate')
		.summary('get the right to see values for 15 minutes, as an admin')
		.description('Starts an elevation for a deployment or an organization. Lists, approves or ends one.')
		.option('--deployment <name>', 'the deployment')
		.option('--org <name>', 'the organization, with all its deployments')
		.option('--reason <text>', 'why; managers and the audit have it')
		.option('--list', 'list the elevations, as a manager or admin')
		.option('--approve <id>', 'approve the elevation of somebody else')
		.option('--end', 'end your elevation')
		.addOption(outputOption())
		.addHelpText(
			'after',
			`\nVariables:\n${VARIABLES}\n\nExamples:\n  envtier elevate --deployment shop --reason 'incident 42'\n  envtier elevate --deployment shop --end\n`,
		)
		.action(async (options) => {
			const { elevate } = await import('../remote/reveal.ts');
			await elevate(options, context);
		});
}
