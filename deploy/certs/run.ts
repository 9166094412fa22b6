import { replaceAlone } from './alone.ts';
import { finish } from './finish.ts';
import { openKubeconfig } from './kubeconfig.ts';
import type { CertsOptions } from './options.ts';
import type { Outcome, Pace, Parts } from './parts.ts';
import { serviceReplicas, urlReplica } from './replicas.ts';
import { rotate } from './rotate.ts';
import { secretStore } from './secret.ts';
import { webhookConfigurationStore } from './webhook-configuration.ts';

/** Does in a cluster what the command line asks for. Rejects with a `CertsFailure`. */
export async function runInCluster(
	options: CertsOptions,
	names: readonly string[],
	say: (line: string) => void,
): Promise<Outcome> {
	const { namespace, service, secret, webhookConfiguration } = options;
	const config = openKubeconfig(options.kubeconfig, options.context);
	say(`cluster ${config.getCurrentCluster()?.server} (context ${config.getCurrentContext()})`);
	const store = secretStore(config, { namespace, name: secret });
	const wish = { service, names, days: options.days, secretOnly: options.secretOnly === true };
	if (options.for === 'api') return await replaceAlone(store, wish, say);
	const parts: Parts = {
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
	const pace: Pace = {
		settle: options.settle * 1000,
		wait: options.look ? options.wait * 1000 : undefined,
	};
	if (options.finish === true) return await finish(parts, pace, !options.look);
	return await rotate(parts, wish, pace);
}
