import { dirname, join } from 'node:path';
import { type RunningProcess, startProcess } from '../../../support/process.ts';

/** A way to a program from this machine, as a person makes one. */
export interface Forwarded extends AsyncDisposable {
	/** `https://localhost:port` */
	readonly url: string;
}

/** `kubectl port-forward` to a Service, that of the API unless another is named, on a free port. */
export async function forwardApi(
	kubectl: string,
	kubeconfig: string,
	{ service = 'envtier-api', namespace = 'envtier-system' } = {},
): Promise<Forwarded> {
	const forwarding: RunningProcess = await startProcess({
		name: 'kubectl port-forward',
		command: kubectl,
		args: [
			'--cache-dir',
			join(dirname(kubeconfig), 'kubectl-cache'),
			'--kubeconfig',
			kubeconfig,
			'--namespace',
			namespace,
			'port-forward',
			`service/${service}`,
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
