import type { ContainerFacts } from './container.ts';
import type { PodFacts } from './pod.ts';

/**
 * What the pod's quality-of-service class asks of the containers that are added:
 * `guaranteed`: requests must equal limits, or the pod would lose its class;
 * `pod-level`: the pod as a whole has requests and limits (KEP-2837), and containers need none;
 * `other`: nothing.
 */
export type Qos = 'guaranteed' | 'pod-level' | 'other';

/** Kubernetes docs, "Pod Quality of Service Classes": every container, CPU and memory, limits set and requests equal to them. */
function isGuaranteed(container: ContainerFacts): boolean {
	return ['cpu', 'memory'].every((resource) => {
		const limit = container.limits[resource];
		const request = container.requests[resource];
		return limit !== undefined && (request === undefined || request === limit);
	});
}

/** The class of a pod before anything is added to it. Quantities count as equal when they are written alike. */
export function qosOf(pod: PodFacts): Qos {
	if (pod.podLevelResources) return 'pod-level';
	return [...pod.containers, ...(pod.initContainers ?? [])].every(isGuaranteed) ? 'guaranteed' : 'other';
}
