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

/** The API group of the resources that RBAC rules name. Nothing serves it: the rules alone need it. */
const GROUP = 'envtier.dev';
/** Milliseconds for one call. */
const DEADLINE = 5_000;
const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const ACCESS_REVIEWS = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

/** What the API asks the cluster. Both reject when the API server can't be asked. */
export interface Cluster {
	/** The user behind a token, if it is valid for our audience. */
	review(token: string): Promise<KubernetesUser | undefined>;
	allows(user: KubernetesUser, resource: string, verb: string, name: string | undefined): Promise<boolean>;
}

/** A call of the API server that failed. The message holds nothing of what was sent or answered. */
class ClusterFailure extends Error {
	override readonly name = 'ClusterFailure';
	readonly code: string;

	constructor({ status, reason, network }: ApiFailure) {
		const code = String(status ?? (network?.code || reason));
		super(`the API server's answer: ${code}`);
		this.code = code;
	}
}

/** Opens the cluster that this process runs in, or the one of a kubeconfig file. Sends nothing yet. */
export async function openCluster(kubeconfig: string | undefined, audience: string): Promise<Cluster> {
	const opened = await openKubernetes({ kubeconfig });
	if (!opened.ok) throw new Error(opened.error);
	const client = opened.value;
	const review = async <T>(kind: string, path: string, spec: object): Promise<T | undefined> => {
		const [, , group, version] = path.split('/');
		const body = { apiVersion: `${group}/${version}`, kind, spec };
		const created = await client.call<{ status?: T }>({ method: 'POST', path, body, deadline: DEADLINE });
		if (!created.ok) throw new ClusterFailure(created.error);
		return created.value.status;
	};
	return {
		review: async (token) => {
			const status = await review<V1TokenReviewStatus>('TokenReview', TOKEN_REVIEWS, {
				token,
				audiences: [audience],
			});
			const user = status?.user;
			// An authenticator that knows nothing of audiences leaves them out: such a token is anybody's.
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

/** The bearer of a token that the cluster knows. `org` is the organization that the call is about. */
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
		return ok({ kind: 'kubernetes', subject, org, roles: new Set(), scopes: new Set(), user });
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
		const named = name === undefined ? '' : ` (resource name ${name})`;
		return err({
			kind: 'refused',
			problem: `the cluster's RBAC does not let ${user.username} "${verb}" ${resource}.${GROUP}${named}`,
		});
	} catch (thrown) {
		return err({ kind: 'unavailable', problem: `the API server can't be asked (${problemOf(thrown)})` });
	}
}

/** Nobody knows what an error of another library holds; its code says enough. */
function problemOf(thrown: unknown): string {
	if (!(thrown instanceof Error)) return 'unknown';
	return 'code' in thrown ? `code ${String(thrown.code)}` : thrown.name;
}
