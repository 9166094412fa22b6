import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { ApiFailure } from '../kubernetes/failure.ts';
import { controllerOf, type Owner } from '../owner.ts';
import { Recent } from './recent.ts';

/**
 * What stands between a pod and what people look at. Every other controller of Kubernetes makes pods itself and reports a refusal on itself
 * (`FailedCreate`); so do these two, but nobody looks at them.
 */
const BETWEEN: Readonly<Record<string, string>> = {
	'apps/v1 ReplicaSet': '/apis/apps/v1/namespaces/{namespace}/replicasets/',
	'batch/v1 Job': '/apis/batch/v1/namespaces/{namespace}/jobs/',
};

/** Whether the owner of a pod has, as a rule, an owner of its own. */
export function isBetween({ apiVersion, kind }: Owner): boolean {
	return `${apiVersion} ${kind}` in BETWEEN;
}

/** What is remembered: `undefined` in it is an owner without an owner. */
const REMEMBERED = 500;

/** Finds the owner of a pod's owner; undefined when it has none, or when there is no such owner. */
export type FindTarget = (namespace: string, owner: Owner) => Promise<Result<Owner | undefined, ApiFailure>>;

/** Gives the function that asks the API server for it, once for each owner: an object's controller does not change. */
export function targetFinder(client: KubernetesClient): FindTarget {
	const known = new Recent<Owner | undefined>(REMEMBERED);
	return async (namespace, owner) => {
		const path = BETWEEN[`${owner.apiVersion} ${owner.kind}`];
		if (path === undefined) return ok(undefined);
		if (known.has(owner.uid)) return ok(known.get(owner.uid));
		const answer = await client.call<{ readonly metadata: Readonly<Record<string, unknown>> }>({
			method: 'GET',
			path: path.replace('{namespace}', encodeURIComponent(namespace)) + encodeURIComponent(owner.name),
			accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
		});
		if (!answer.ok) return answer.error.status === 404 ? ok(undefined) : answer;
		const { metadata } = answer.value;
		// Another object of that name, or one that somebody only claimed.
		const target = metadata['uid'] === owner.uid ? controllerOf(metadata) : undefined;
		known.set(owner.uid, target);
		return ok(target);
	};
}
