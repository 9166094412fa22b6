import { Command, Option } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const MEMBERS_HELP = `
A member is user:SUBJECT, kubernetes:USERNAME, group:NAME, kubernetes-group:NAME, or
email:ADDRESS, which is an invitation. Where the Reveal program is installed, set
ENVTIER_REVEAL_URL and ENVTIER_REVEAL_TOKEN: it changes who has access.
${API_HELP}
Examples:
  envtier deployments members shop
  envtier deployments members shop --add user:bob --role developer
  envtier deployments members shop --remove user:bob
`;

const TRANSFER_HELP = `
Nothing changes until the recipient accepts, within seven days. To another organization, admins
of both must agree.
${API_HELP}
Examples:
  envtier deployments transfer shop --to user:bob
  envtier deployments transfer shop --accept
`;

/** `envtier deployments members` */
export function membersCommand(context: Context) {
	return new Command('members')
		.summary('list and change the members of a deployment')
		.description('Lists the members of a deployment. Adds, changes or removes one.')
		.argument('<name>', 'name of the deployment')
		.option('--add <member>', 'add a member, a group or an invitation')
		.option('--set <member>', 'give a member another role')
		.option('--remove <member>', 'remove a member; your own subject to leave')
		.addOption(new Option('--role <role>', 'the role').choices(['viewer', 'developer', 'manager'] as const))
		.addOption(outputOption())
		.addHelpText('after', MEMBERS_HELP)
		.action(async (name, options) => {
			const { members } = await import('../remote/members.ts');
			await members(name, options, context);
		});
}

/** `envtier deployments transfer` */
export function transferCommand(context: Context) {
	return new Command('transfer')
		.summary('offer a deployment to somebody else, or accept one')
		.description('Offers a deployment to another subject, accepts an offer, or ends one.')
		.argument('<name>', 'name of the deployment')
		.option('--to <subject>', 'who gets it: user:SUBJECT or kubernetes:USERNAME')
		.option('--org <name>', 'the organization that it goes to')
		.option('--accept', 'accept the offer that was made to you')
		.option('--end', 'withdraw the offer, or decline it')
		.addOption(outputOption())
		.addHelpText('after', TRANSFER_HELP)
		.action(async (name, options) => {
			const { transfer } = await import('../remote/members.ts');
			await transfer(name, options, context);
		});
}

/** `envtier deployments delete` */
export function deleteDeploymentCommand(context: Context) {
	return new Command('delete')
		.summary('delete a deployment; its secrets are soft-deleted')
		.description('Deletes a deployment and soft-deletes its secrets. Its name stays taken.')
		.argument('<name>', 'name of the deployment')
		.requiredOption('--confirm <name>', 'the name again, against mistakes')
		.addHelpText(
			'after',
			`${API_HELP}\nExamples:\n  envtier deployments delete shop-staging --confirm shop-staging\n`,
		)
		.action(async (name, { confirm }) => {
			const { deleteDeployment } = await import('../remote/members.ts');
			await deleteDeployment(name, confirm, context);
		});
}
