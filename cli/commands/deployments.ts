import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';
import { deleteDeploymentCommand, membersCommand, transferCommand } from './members.ts';

const CREATE_HELP = `
With a template its secrets are copied; existing keys are not changed. The output names the
declared secrets that have no value yet. Either everything is created or nothing.

A name that has secrets already, or that is reserved for another organization, needs --adopt and
the role of a platform administrator. Look at those secrets first: pods that name the deployment
receive them.
${API_HELP}
Examples:
  envtier deployments create shop --org acme
  envtier deployments create shop-staging --org acme --template web-shop
  envtier deployments create payments --org acme --adopt
`;

/** `envtier deployments …` */
export function deploymentsCommand(context: Context) {
	return new Command('deployments')
		.summary('register deployments over the secrets API, from templates too')
		.description('Registers deployments. The caller owns their secrets.')
		.addCommand(
			new Command('list')
				.summary('list your deployments')
				.description('Lists your deployments.')
				.addOption(outputOption())
				.addHelpText('after', `${API_HELP}\nExamples:\n  envtier deployments list\n`)
				.action(async ({ output }) => {
					const { listDeployments } = await import('../remote/deployments.ts');
					await listDeployments(output, context);
				}),
		)
		.addCommand(
			new Command('create')
				.summary('register a deployment as yours, with a template’s secrets')
				.description('Registers a deployment as yours; with a template, copies the template’s secrets to it.')
				.argument('<name>', 'name of the deployment, as in envtier.dev/deployment')
				.option('--org <name>', 'your organization (default: ENVTIER_API_ORG)')
				.option('--template <name>', 'template whose secrets are copied')
				.option('--adopt', 'take the name with all secrets that it has already (platform administrators)')
				.addOption(outputOption())
				.addHelpText('after', CREATE_HELP)
				.action(async (name, options) => {
					const { createDeployment } = await import('../remote/deployments.ts');
					await createDeployment(name, options, context);
				}),
		)
		.addCommand(membersCommand(context))
		.addCommand(transferCommand(context))
		.addCommand(deleteDeploymentCommand(context));
}
