import { Command, Option } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';

const HELP = `
From Kubernetes 1.36 on the API server injects into plain pods by itself, by a
MutatingAdmissionPolicy (docs/webhookless.md). What this command prints is what
deploy/manifests/components/policy has, for other namespaces and another name of the ConfigMap.

  objects            the policies and their bindings
  webhook-condition  the match condition that leaves plain pods to the policy, as a JSON Patch
                     of the MutatingWebhookConfiguration "envtier"
  refusals           what envtier-require-injection gets where no webhook is installed, as a JSON
                     Patch of that ValidatingAdmissionPolicy

Examples:
  envtier policy | kubectl apply -f -
  envtier policy --exclude kube-system --exclude secrets --settings secrets/envtier-settings
  envtier policy --part webhook-condition
`;

const append = (value: string, previous: readonly string[]): readonly string[] => [...previous, value];

/** `envtier policy`. */
export function policyCommand(context: Context) {
	return new Command('policy')
		.summary('write the admission policies that inject without the webhook')
		.description('Writes the admission policies by which the API server injects into plain pods by itself.')
		.option(
			'--settings <namespace/name>',
			'the ConfigMap with the settings',
			'envtier-system/envtier-settings',
		)
		.option(
			'--exclude <namespace>',
			'namespace whose pods are not looked at; may be given again (default: those of the manifests)',
			append,
			[] as readonly string[],
		)
		.addOption(
			new Option('--part <part>', 'what to write')
				.choices(['objects', 'webhook-condition', 'refusals'] as const)
				.default('objects' as const),
		)
		.addHelpText('after', HELP)
		.action(async (options) => {
			const { writePolicy } = await import('../policy/run.ts');
			writePolicy(options, context);
		});
}
