import { Command, Option } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';

const HELP = `
It works offline, with the webhook's own code on the pod as written. It does not know what a
cluster adds to a pod before the webhook gets it (the application's own token, defaults of a
LimitRange, changes of other webhooks).

Settings are the webhook's ENVTIER_* variables. They come from the environment, or from --settings
alone if it is set. If the address of Vault or the image of the fetcher is missing, a placeholder
is used, and a note says so.

Exit codes (with several objects, the worst):
  0  inject   the pod gets its secrets
  3  skip     the pod is not changed
  4  reject   the pod is refused
  2           wrong usage, or an input that cannot be read

Examples:
  envtier explain pod.yaml
  kustomize build overlays/prod | envtier explain - --namespace shop
  envtier explain app.yaml --output patch
  kubectl -n envtier-system get configmap envtier-settings-abc123 -o yaml > live.yaml
  envtier explain app.yaml --settings live.yaml
  envtier explain app.yaml --policy
`;

/** `envtier explain`. */
export function explainCommand(context: Context) {
	return new Command('explain')
		.summary('show offline what the webhook would do with a pod, and why')
		.description(
			'Shows what the webhook would do with pods, and why: what would be injected as a diff, or the reason and its cure.',
		)
		.argument(
			'<file...>',
			'YAML or JSON with pods or what makes pods (Deployment, CronJob, …); - reads standard input',
		)
		.option('--settings <file>', 'the webhook’s settings: NAME=value lines, or the ConfigMap that holds them')
		.option('-n, --namespace <name>', 'namespace of objects that name none', 'default')
		.option('--org-label <name>', 'the label envtier.dev/org of namespaces that are not among the objects')
		.option(
			'--kubernetes-version <version>',
			'version of the cluster, for envtier.dev/env (default: the newest)',
		)
		.option(
			'--policy',
			'say as well whether the admission policy injects or the webhook, and why (docs/webhookless.md)',
		)
		.addOption(
			new Option('-o, --output <form>', 'diff, the whole report, or the JSON Patch alone')
				.choices(['diff', 'json', 'yaml', 'patch'] as const)
				.default('diff' as const),
		)
		.addHelpText('after', HELP)
		.action(async (files, options) => {
			const { explain } = await import('../explain/run.ts');
			await explain(files, options, context);
		});
}
