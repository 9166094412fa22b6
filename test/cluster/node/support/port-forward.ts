import { dirname, join } from 'node:path';
import { type RunningProcess, startProcess } from '../../../support/process.ts';

/** A way to the secrets API from this machine, as a person makes one. */
export interface Forwarded extends AsyncDisposable {
	/** `https://localhost:port` */
	readonly url: string;
}

/** `kubectl port-forward` to the API's Service, on a free port. */
export async function forwardApi(kubectl: string, kubeconfig: string): Promise<Forwarded> {
	const forwarding: RunningProcess = await startProcess({
		name: 'kubectl port-forward',
		command: kubectl,
		args: [
			'--cache-dir',
			join(dirname(kubeconfig), 'kubectl-cache'),
			'--kubeconfig',
			kubeconfig,
			'--namespace',
			'envtier-system',
			'port-forward',
			'service/envtier-api',
			':443',
		],
	});
	const port = (): string | undefined =>
		/Forwarding from 127\.0\.0\.1:([0-9]+)/.exec(forwarding.stdout())?.[1];
	await forwarding.waitUntil('it forwards', port);
	return {
		url: `https://localhost:${port()}`,
		[Symbol.asyncDispose]: async () => {
			await forwarding.stop();
		},
	};
}
