import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';

const HELP = `
Asks the sidecars of running pods (envtier.dev/refresh) to check Vault now instead of at their next
period. It sets the annotation envtier.dev/refresh-requested on the pods, and restarts nothing. Of a
workload with envtier.dev/on-change: rollout it asks the controller, by an annotation on the
workload, to compare it with Vault now. A sidecar sees the request within seconds, and checks at
most once in 10 seconds by request. Its log says "a check was requested", then what changed.

TARGET is KIND/NAME: deployment (deploy), statefulset (sts), daemonset (ds), replicaset (rs), job,
rollout (of Argo), or pod.

You need rights to get the workload, to list (for one pod: get) pods, and to patch pods; for the
controller to patch the workload.

Exit codes:
  0  every pod with a running sidecar was asked
  1  there is no such pod, or one could not be asked
  2  wrong usage
  5  the cluster does not let you
  6  there is no such workload or pod
  8  the API server does not answer

Examples:
  envtier refresh -n shop deployment/web
  envtier refresh -n shop pod/web-6d5f7c9b8-x2x4p
  envtier refresh -n shop sts/orders --output json | jq '.pods[] | select(.result!="requested")'
`;

/** `envtier refresh`. */
export function refreshCommand(context: Context) {
	return new Command('refresh')
		.summary('have the sidecars of running pods check Vault now')
		.description('Has the sidecars of running pods check Vault now.')
		.argument('<target>', 'KIND/NAME, such as deployment/web or pod/web-0')
		.option('-n, --namespace <name>', 'namespace (default: that of the context)')
		.option('--kubeconfig <file>', 'kubeconfig file (default: as kubectl)')
		.option('--context <name>', 'context of the kubeconfig (default: its current one)')
		.addOption(outputOption())
		.addHelpText('after', HELP)
		.action(async (target, options) => {
			const { refresh } = await import('../refresh/run.ts');
			await refresh(target, options, context);
		});
}
