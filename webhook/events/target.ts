import { LRUCache } from 'lru-cache';
import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { ApiFailure } from '../../lib/kubernetes/failure.ts';
import { controllerOf, type Owner } from '../pod/owner-reference.ts';

/**
 * Intermediate owners. Other controllers of Kubernetes create pods themselves and report a refusal on their
 * own object (`FailedCreate`). So do these two, but people look at the Deployment or the CronJob.
 */
const INTERMEDIATE_OWNERS: Readonly<Record<string, string>> = {
	'apps/v1 ReplicaSet': '/apis/apps/v1/namespaces/{namespace}/replicasets/',
	'batch/v1 Job': '/apis/batch/v1/namespaces/{namespace}/jobs/',
};

/** Whether the owner of a pod usually has an owner itself. */
export function isIntermediate({ apiVersion, kind }: Owner): boolean {
	return `${apiVersion} ${kind}` in INTERMEDIATE_OWNERS;
}

/** Maximum number of owners whose target is cached. */
const MAX_REMEMBERED = 500;

/** Finds the owner of a pod's owner. Undefined: the owner does not exist, or nothing owns it. */
export interface TargetFinder {
	/** The cached result; `'unknown'` if this owner was not looked up yet. */
	remembered(namespace: string, owner: Owner): Owner | undefined | 'unknown';
	/** Asks the API server once for each owner: an object's controller does not change. */
	find(namespace: string, owner: Owner): Promise<Result<Owner | undefined, ApiFailure>>;
}

/**
 * The key contains everything that a review says about an owner. A review with a wrong object for a UID must
 * not affect the right one.
 */
const keyOf = (namespace: string, { apiVersion, kind, name, uid }: Owner): string =>
	JSON.stringify([namespace, apiVersion, kind, name, uid]);

/** Makes a finder that remembers what it found. */
export function targetFinder(client: KubernetesClient): TargetFinder {
	const cache = new LRUCache<string, { readonly target: Owner | undefined }>({ max: MAX_REMEMBERED });
	const request = async (namespace: string, owner: Owner): Promise<Result<Owner | undefined, ApiFailure>> => {
		const path = INTERMEDIATE_OWNERS[`${owner.apiVersion} ${owner.kind}`];
		if (path === undefined) return ok(undefined);
		const answer = await client.call<{ readonly metadata: Readonly<Record<string, unknown>> }>({
			method: 'GET',
			path: path.replace('{namespace}', encodeURIComponent(namespace)) + encodeURIComponent(owner.name),
			accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
		});
		if (!answer.ok) return answer.error.status === 404 ? ok(undefined) : answer;
		const { metadata } = answer.value;
		// The object has the name, but not the claimed UID.
		return ok(metadata['uid'] === owner.uid ? controllerOf(metadata) : undefined);
	};
	return {
		remembered: (namespace, owner) => {
			const found = cache.get(keyOf(namespace, owner));
			return found === undefined ? 'unknown' : found.target;
		},
		find: async (namespace, owner) => {
			const key = keyOf(namespace, owner);
			const cached = cache.get(key);
			if (cached !== undefined) return ok(cached.target);
			const found = await request(namespace, owner);
			if (found.ok) cache.set(key, { target: found.value });
			return found;
		},
	};
}
