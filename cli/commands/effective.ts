import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const EFFECTIVE_HELP = `
The merged view of the organization, the deployment and the service. It has keys and tiers, and no
values.
${API_HELP}
Examples:
  envtier effective --deployment shop
  envtier effective --deployment shop --service web --output json
`;

const DIFF_HELP = `
Compares keys and tiers. Values are not compared, because the API cannot read them; of a key that
both get from the same organization the value is the same. Exit code 0 also with differences.
${API_HELP}
Examples:
  envtier diff shop shop-staging
  envtier diff shop shop-staging --service web --output json
`;

/** `envtier effective` */
export function effectiveCommand(context: Context) {
	return new Command('effective')
		.summary('show the keys that pods of a deployment get')
		.description('Shows the keys that pods of a deployment get, and the tier of each.')
		.requiredOption('-d, --deployment <name>', 'the deployment')
		.option('-s, --service <name>', 'the service; without it: what every service gets')
		.addOption(outputOption())
		.addHelpText('after', EFFECTIVE_HELP)
		.action(async (options) => {
			const { showEffective } = await import('../remote/effective.ts');
			await showEffective(options, context);
		});
}

/** `envtier diff` */
export function diffCommand(context: Context) {
	return new Command('diff')
		.summary('compare the keys of two deployments')
		.description('Shows what differs between the keys that pods of two deployments get.')
		.argument('<deployment>', 'one deployment')
		.argument('<other>', 'the other deployment')
		.option('-s, --service <name>', 'a service of both')
		.addOption(outputOption())
		.addHelpText('after', DIFF_HELP)
		.action(async (deployment, other, options) => {
			const { showDifference } = await import('../remote/effective.ts');
			await showDifference(deployment, other, options, context);
		});
}
