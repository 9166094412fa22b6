import type { RequestOptions } from 'node:https';
import { err, ok, type Result } from '../../../contract/result.ts';
import type { Administrator, ClusterAccess } from './client.ts';

/**
 * The cluster of ENVTIER_TEST_KUBECONFIG; undefined when it is unset. KUBECONFIG is not used: tests create
 * and delete cluster-wide objects, so a person must choose the cluster on purpose. ENVTIER_TEST_HOST is this
 * machine's address as that cluster's API server sees it (default 127.0.0.1).
 */
export async function existingCluster(): Promise<Result<ClusterAccess> | undefined> {
	const { ENVTIER_TEST_KUBECONFIG: file, ENVTIER_TEST_HOST: webhookHost = '127.0.0.1' } = process.env;
	if (!file) return undefined;
	// Loaded here because it takes half a second, and other tests do not need it.
	const { KubeConfig } = await import('@kubernetes/client-node');
	const config = new KubeConfig();
	config.loadFromFile(file);
	const cluster = config.getCurrentCluster();
	if (cluster === null) return err(`${file} (ENVTIER_TEST_KUBECONFIG) has no current context`);
	const options: RequestOptions = {};
	await config.applyToHTTPSOptions(options);
	const administrator = credentials(options);
	if (administrator === undefined || options.ca === undefined) {
		return err(`${file} (ENVTIER_TEST_KUBECONFIG) lacks a CA, or a client certificate or token`);
	}
	return ok({
		url: cluster.server,
		caPem: String(options.ca),
		administrator,
		kubeconfig: file,
		auditLog: undefined,
		webhookHost,
	});
}

function credentials({ cert, key, headers }: RequestOptions): Administrator | undefined {
	if (cert !== undefined && key !== undefined) return { certPem: String(cert), keyPem: String(key) };
	const authorization = new Headers(headers as Record<string, string>).get('authorization');
	const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1];
	return token === undefined ? undefined : { token };
}
