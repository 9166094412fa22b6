import { type AuditEvent, readAuditLog } from './audit.ts';
import { type ApiAnswer, type ApiRequest, apiClient, type ClusterAccess } from './client.ts';

/** A namespace to make. */
interface NamespaceOptions {
	/** Beginning of its name, to which the API server adds letters of its own; `test-` unless given. */
	readonly prefix?: string;
	/** Its exact name instead; such a namespace may exist already. */
	readonly name?: string;
	readonly labels?: Readonly<Record<string, string>>;
}

/** A Kubernetes API for tests. Nothing in it is shared by default: every test creates its own namespace. */
export interface Cluster extends ClusterAccess {
	readonly request: ApiRequest;
	/** Makes a namespace with its `default` service account, which no controller makes here; gives its name. */
	createNamespace(options?: NamespaceOptions): Promise<string>;
	createServiceAccount(namespace: string, name: string): Promise<void>;
	/**
	 * A token for `audiences` (default: the API server's own), from TokenRequest; valid for ten minutes by
	 * default.
	 */
	token(
		namespace: string,
		serviceAccount: string,
		audiences?: readonly string[],
		seconds?: number,
	): Promise<string>;
	/**
	 * The events of pods in the audit log so far. Poll it: it is written shortly after the response. Needs
	 * `auditLog`.
	 */
	auditEvents(): Promise<readonly AuditEvent[]>;
}

/** Gives the helpers on top of an API server that runs already. */
export function connect(access: ClusterAccess): Cluster {
	const request = apiClient(access);
	const createServiceAccount = async (namespace: string, name: string): Promise<void> => {
		const made = await request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, {
			metadata: { name },
		});
		// A cluster with controllers has made "default" before us.
		if (made.status !== 409) expectStatus(made, 201, `creating the service account ${namespace}/${name}`);
	};
	return {
		...access,
		request,
		createServiceAccount,
		createNamespace: async ({ prefix = 'test-', name, labels = {} } = {}) => {
			const naming = name === undefined ? { generateName: prefix } : { name };
			const made = await request<{ metadata: { name: string } }>('POST', '/api/v1/namespaces', {
				metadata: { ...naming, labels },
			});
			const exists = name !== undefined && made.status === 409;
			const namespace = exists ? name : expectStatus(made, 201, 'creating a namespace').metadata.name;
			await createServiceAccount(namespace, 'default');
			return namespace;
		},
		token: async (namespace, serviceAccount, audiences = [], seconds = 600) => {
			const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
			const made = await request<{ status: { token: string } }>('POST', path, {
				apiVersion: 'authentication.k8s.io/v1',
				kind: 'TokenRequest',
				spec: { audiences, expirationSeconds: seconds },
			});
			return expectStatus(made, 201, `asking for a token of ${namespace}/${serviceAccount}`).status.token;
		},
		auditEvents: () => {
			if (access.auditLog === undefined) throw new Error('this cluster keeps no audit log for us');
			return readAuditLog(access.auditLog);
		},
	};
}

/** Gives the body of an answer that has the status `wanted`; throws what the API server said otherwise. */
export function expectStatus<T>(answer: ApiAnswer<T>, wanted: number, what: string): T {
	if (answer.status === wanted) return answer.body;
	throw new Error(`${what}: status ${answer.status}: ${JSON.stringify(answer.body)}`);
}
