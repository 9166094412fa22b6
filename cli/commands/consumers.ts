import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const HELP = `
Lists pods and workloads with your own kubeconfig, and decides from their annotations as the webhook
does: tiers, overrides by a service, selections of keys. For a pod it shows the version of the
secret that the pod started with. What you may not list is "unknown", which is not "unused".
${API_HELP}
Examples:
  envtier consumers DATABASE_URL --deployment shop
  envtier consumers SESSION_KEY --deployment shop --service web -n shop --output json
`;

/** `envtier consumers` */
export function consumersCommand(context: Context) {
	return new Command('consumers')
		.summary('show which pods and workloads receive a secret')
		.description('Shows which pods and workloads receive a secret, as far as you may see them.')
		.argument('<key>', 'the key')
		.requiredOption('-d, --deployment <name>', 'the deployment')
		.option('-s, --service <name>', 'the service, for a secret of a service')
		.option('-n, --namespace <name>', 'only this namespace (default: all)')
		.option('--kubeconfig <file>', 'kubeconfig file (default: as kubectl)')
		.option('--context <name>', 'context of the kubeconfig (default: its current one)')
		.addOption(outputOption())
		.addHelpText('after', HELP)
		.action(async (key, options) => {
			const { listConsumers } = await import('../consumers/run.ts');
			await listConsumers(key, options, context);
		});
}
