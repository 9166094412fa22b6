import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';

const HELP = `
Shows of each pod that gets secrets which revision of them it has, and whether that is the current
one: fresh, stale or unknown, and why. A revision is a hash of the versions of the keys that the pod
reads; it shows no value.

What a pod has is what its fetcher read when the pod started, or what its sidecar
(envtier.dev/refresh) has written last, from the sidecar's log.

What is current comes from Vault, if VAULT_ADDR and VAULT_TOKEN (or BAO_ADDR and BAO_TOKEN;
VAULT_CACERT) are set: the token needs list and read on the metadata of the tiers, no value. Without
them it is what the controller has recorded on workloads with envtier.dev/on-change: rollout.

TARGET is KIND/NAME: deployment (deploy), statefulset (sts), daemonset (ds), replicaset (rs), job,
rollout (of Argo), or pod. Without a target: all pods of the namespace.

You need rights to list pods (for one pod: to get it), to get workloads, and to get pods/log.

Exit codes:
  0  the pods are shown, whatever their state
  1  no pod of the target gets secrets
  2  wrong usage
  5  the cluster does not let you
  6  there is no such workload or pod
  8  the API server does not answer

Examples:
  envtier status -n shop
  envtier status -n shop deployment/web
  envtier status -n shop --output json | jq -r '.pods[] | select(.state=="stale") | .pod'
`;

/** `envtier status`. */
export function statusCommand(context: Context) {
	return new Command('status')
		.summary('show whether pods have the current secrets')
		.description('Shows which revision of its secrets each pod has, and whether it is the current one.')
		.argument('[target]', 'KIND/NAME, such as deployment/web (default: all pods of the namespace)')
		.option('-n, --namespace <name>', 'namespace (default: that of the context)')
		.option('--kubeconfig <file>', 'kubeconfig file (default: as kubectl)')
		.option('--context <name>', 'context of the kubeconfig (default: its current one)')
		.addOption(outputOption())
		.addHelpText('after', HELP)
		.action(async (target, options) => {
			const { status } = await import('../status/run.ts');
			await status(target, options, context);
		});
}
