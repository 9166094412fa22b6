import type {
	V1SubjectAccessReviewSpec,
	V1SubjectAccessReviewStatus,
	V1TokenReviewStatus,
} from '@kubernetes/client-node';
import { err, ok, type Result } from '../../contract/result.ts';
import { openKubernetes } from '../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import { type Caller, isSubject, type KubernetesUser } from './caller.ts';
import type { AuthFailure } from './oidc.ts';

/** The API group of the resources that RBAC rules name. No API server serves it: only the rules use it. */
const GROUP = 'envtier.dev';
/** Timeout of one call, in ms. */
const DEADLINE = 5_000;
const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/** Requests of the API to the cluster. Both reject when the API server gives no usable answer. */
export interface Cluster {
	/** The user behind a token, if it is valid for our audience. */
	review(token: string): Promise<KubernetesUser | undefined>;
	allows(user: KubernetesUser, resource: string, verb: string, name: string | undefined): Promise<boolean>;
}

/** A call of the API server that failed. The message holds nothing of the request or the response. */
class ClusterFailure extends Error {
	override readonly name = 'ClusterFailure';
	readonly code: string;

	constructor({ status, reason, network }: ApiFailure) {
		const code = String(status ?? (network?.code || reason));
		super(`the API server's answer: ${code}`);
		this.code = code;
	}
}

/** Opens the cluster that this process runs in, or the one of a kubeconfig file. Sends no request yet. */
export async function openCluster(kubeconfig: string | undefined, audience: string): Promise<Cluster> {
	const connection = await openKubernetes({ kubeconfig });
	if (!connection.ok) throw new Error(connection.error);
	const client = connection.value;
	const review = async <T>(kind: string, path: string, spec: object): Promise<T | undefined> => {
		const [, , group, version] = path.split('/');
		const body = { apiVersion: `${group}/${version}`, kind, spec };
		const response = await client.call<{ status?: T }>({ method: 'POST', path, body, deadline: DEADLINE });
		if (!response.ok) throw new ClusterFailure(response.error);
		return response.value.status;
	};
	return {
		review: async (token) => {
			const status = await review<V1TokenReviewStatus>('TokenReview', TOKEN_REVIEWS, {
				token,
				audiences: [audience],
			});
			const user = status?.user;
			// An authenticator without support for audiences returns none: such a token may be for another audience.
			const ours = status?.audiences?.includes(audience) === true;
			if (status?.authenticated !== true || !ours || !user?.username) return undefined;
			const { username, uid, groups = [], extra = {} } = user;
			return { username, uid, groups, extra };
		},
		allows: async ({ username, uid, groups, extra }, resource, verb, name) => {
			const spec: V1SubjectAccessReviewSpec = {
				user: username,
				groups: [...groups],
				extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])),
				...(uid === undefined ? {} : { uid }),
				resourceAttributes: { group: GROUP, resource, verb, ...(name === undefined ? {} : { name }) },
			};
			const status = await review<V1SubjectAccessReviewStatus>('SubjectAccessReview', ACCESS_REVIEWS, spec);
			return status?.allowed === true && status.denied !== true;
		},
	};
}

/** The bearer of a token that the cluster accepts. `org` is the organization that the call names. */
export async function authenticateInCluster(
	cluster: Cluster,
	token: string,
	org: string | undefined,
): Promise<Result<Caller, AuthFailure>> {
	try {
		const user = await cluster.review(token);
		if (user === undefined)
			return err({ kind: 'refused', problem: 'the cluster does not accept the token for this API' });
		const subject = `kubernetes:${user.username}`;
		if (!isSubject(subject)) return err({ kind: 'refused', problem: 'the user name is too long' });
		const groups = user.groups.map((group) => `kubernetes-group:${group}`);
		return ok({ kind: 'kubernetes', subject, org, roles: new Set(), scopes: new Set(), groups, user });
	} catch (thrown) {
		return err({ kind: 'unavailable', problem: `the API server can't be asked (${problemOf(thrown)})` });
	}
}

/** Asks the cluster's RBAC. The error says which rule would allow it. */
export async function authorizeInCluster(
	cluster: Cluster,
	user: KubernetesUser,
	{ resource, verb }: { readonly resource: string; readonly verb: string },
	name: string | undefined,
): Promise<Result<void, AuthFailure>> {
	try {
		if (await cluster.allows(user, resource, verb, name)) return ok(undefined);
		const resourceName = name === undefined ? '' : ` (resource name ${name})`;
		return err({
			kind: 'refused',
			problem: `the cluster's RBAC does not let ${user.username} "${verb}" ${resource}.${GROUP}${resourceName}`,
		});
	} catch (thrown) {
		return err({ kind: 'unavailable', problem: `the API server can't be asked (${problemOf(thrown)})` });
	}
}

/** The code of an error. Its message comes from another library and may hold anything. */
function problemOf(thrown: unknown): string {
	if (!(thrown instanceof Error)) return 'unknown';
	return 'code' in thrown ? `code ${String(thrown.code)}` : thrown.name;
}
