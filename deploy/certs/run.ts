import type { RotationContext, RotationResult, Timeouts } from './context.ts';
import { finish } from './finish.ts';
import { openKubeconfig } from './kubeconfig.ts';
import type { CertsOptions } from './options.ts';
import { serviceReplicas, urlReplica } from './replicas.ts';
import { rotate } from './rotate.ts';
import { rotateUnregistered } from './rotate-unregistered.ts';
import { secretStore } from './secret.ts';
import { webhookConfigurationStore } from './webhook-configuration.ts';

/** Runs the command in a cluster. Rejects with a `CertsFailure`. */
export async function runInCluster(
	options: CertsOptions,
	names: readonly string[],
	say: (line: string) => void,
): Promise<RotationResult> {
	const { namespace, service, secret, webhookConfiguration } = options;
	const config = openKubeconfig(options.kubeconfig, options.context);
	say(`cluster ${config.getCurrentCluster()?.server} (context ${config.getCurrentContext()})`);
	const store = secretStore(config, { namespace, name: secret });
	const request = { service, names, days: options.days, secretOnly: options.secretOnly === true };
	if (options.for !== 'webhook') return await rotateUnregistered(store, request, say);
	const context: RotationContext = {
		secret: store,
		webhookConfiguration: webhookConfigurationStore(config, {
			name: webhookConfiguration,
			namespace,
			service,
		}),
		replicas: async ({ urls }) =>
			urls.length > 0 ? urls.map(urlReplica) : await serviceReplicas(config, namespace, service),
		say,
	};
	const timeouts: Timeouts = {
		settle: options.settle * 1000,
		wait: options.look ? options.wait * 1000 : undefined,
	};
	if (options.finish === true) return await finish(context, timeouts, !options.look);
	return await rotate(context, request, timeouts);
}
