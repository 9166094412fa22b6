import { err, ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { SyncFailure } from './outcome.ts';

/** Seconds that a token is valid: the least that Kubernetes gives. */
const LIFE = 600;

/**
 * Asks for a token of a service account, for Vault only. The right to do so is a Role of the namespace, which
 * names the accounts.
 */
export async function requestToken(
	client: KubernetesClient,
	audience: string,
	namespace: string,
	account: string,
): Promise<Result<string, SyncFailure>> {
	const answer = await client.call<{ readonly status?: { readonly token?: string } }>({
		method: 'POST',
		path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`,
		body: {
			apiVersion: 'authentication.k8s.io/v1',
			kind: 'TokenRequest',
			spec: { audiences: [audience], expirationSeconds: LIFE },
		},
	});
	if (answer.ok) {
		const token = answer.value.status?.token;
		return token === undefined
			? err({ reason: 'ClusterUnavailable', message: 'the API server answers without a token' })
			: ok(token);
	}
	const { status, message } = answer.error;
	if (status === 403) return err(notOptedIn(namespace, account));
	if (status === 404)
		return err({
			reason: 'AccountMissing',
			message: `the service account ${account} does not exist in the namespace ${namespace}`,
		});
	return err({ reason: 'ClusterUnavailable', message: `the API server ${message}` });
}

/** The failure of a namespace that has given the controller no right. */
export function notOptedIn(namespace: string, account: string): SyncFailure {
	return {
		reason: 'NotOptedIn',
		message: `the namespace ${namespace} has not let the controller in for its service account ${account}: apply what this prints: deploy/vault/setup.sh managed-secrets --namespace ${namespace} --account ${account}`,
	};
}
