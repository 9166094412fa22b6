import { KubeConfig } from '@kubernetes/client-node';
import { err, ok, type Result } from '../../contract/result.ts';
import type { NetworkError } from '../../lib/http/network-errors.ts';
import { object, text } from '../../lib/json.ts';
import { type ApiAnswer, type ApiCall, kubernetesClient } from '../../lib/kubernetes/client.ts';
import { redacted } from './check.ts';

/** The cluster and the identity to use. */
export interface ClusterChoice {
	/** A kubeconfig file; by default the one that kubectl would use. */
	readonly kubeconfig?: string | undefined;
	readonly context?: string | undefined;
}

/** Timeout of one call, in ms. */
const DEADLINE = 15_000;

/** The API server of one cluster. */
export interface ClusterClient {
	readonly server: string;
	/** The namespace of the context, which kubectl uses unless told otherwise. */
	readonly namespace: string;
	/** @param contentType of the body; a PATCH must set the kind of patch */
	request(
		method: ApiCall['method'],
		path: string,
		body?: unknown,
		contentType?: string,
	): Promise<Result<ApiAnswer, Pick<NetworkError, 'message'>>>;
}

/**
 * Opens the cluster of a kubeconfig, with its authentication (certificates, tokens, helper programs). Sends
 * no request yet.
 */
export async function openCluster(choice: ClusterChoice): Promise<Result<ClusterClient>> {
	const config = new KubeConfig();
	try {
		if (choice.kubeconfig === undefined) config.loadFromDefault();
		else config.loadFromFile(choice.kubeconfig);
		if (choice.context !== undefined) config.setCurrentContext(choice.context);
		await config.applyToHTTPSOptions({});
	} catch (error) {
		return err(`the kubeconfig cannot be used: ${redacted(error instanceof Error ? error.message : '?')}`);
	}
	const server = config.getCurrentCluster()?.server;
	if (server === undefined || !URL.canParse(server))
		return err(
			choice.context === undefined
				? 'there is no kubeconfig that names a cluster: --kubeconfig FILE takes one'
				: `the kubeconfig has no usable context "${choice.context}"`,
		);
	const client = kubernetesClient(config, server);
	return ok({
		server,
		namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
		request: async (method, path, body, contentType) => {
			const type = contentType === undefined ? {} : { contentType };
			const answer = await client.request({ method, path, body, ...type, deadline: DEADLINE });
			return answer.ok ? answer : err(answer.error.network ?? answer.error);
		},
	});
}

/** The error message of a Kubernetes API (`Status.message`). */
export function statusMessage({ status, body }: ApiAnswer): string {
	return redacted(text(object(body)?.['message']) ?? `status ${status}`);
}

/** Why a call has no successful response; the text follows a name. */
export function why(answer: Result<ApiAnswer, Pick<NetworkError, 'message'>>): string {
	return answer.ok ? `answers: ${statusMessage(answer.value)}` : answer.error.message;
}
