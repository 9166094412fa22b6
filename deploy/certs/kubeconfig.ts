import { KubeConfig } from '@kubernetes/client-node';
import { CertsFailure } from './failure.ts';

const CHOOSE = 'name a kubeconfig by --kubeconfig or KUBECONFIG, and a context by --context';

/**
 * Reads the given kubeconfig; by default the one that kubectl would use (KUBECONFIG, ~/.kube/config, or the
 * pod's own account).
 */
export function openKubeconfig(file: string | undefined, context: string | undefined): KubeConfig {
	const config = new KubeConfig();
	try {
		if (file === undefined) config.loadFromDefault();
		else config.loadFromFile(file);
	} catch (thrown) {
		const reason = thrown instanceof Error ? thrown.message : String(thrown);
		throw new CertsFailure(`the kubeconfig ${file ?? ''} cannot be read: ${reason}`.replace('  ', ' '));
	}
	// Without any file the library uses this address.
	const none = config.getCurrentCluster()?.server === 'http://localhost:8080';
	if (none) throw new CertsFailure(`there is no kubeconfig: ${CHOOSE}`);
	if (context !== undefined) {
		const contexts = config.getContexts().map(({ name }) => name);
		if (!contexts.includes(context))
			throw new CertsFailure(
				`the kubeconfig has no context "${context}"; it has ${contexts.join(', ') || 'none at all'}`,
			);
		config.setCurrentContext(context);
	}
	if (config.getCurrentCluster() === null) throw new CertsFailure(`no cluster is chosen: ${CHOOSE}`);
	return config;
}
