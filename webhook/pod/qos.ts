import type { ContainerFacts } from './container.ts';
import type { PodFacts } from './pod.ts';
import { amountOf, sameAmount } from './quantities.ts';

/**
 * What the pod's quality-of-service class asks of the containers that are added:
 * `guaranteed`: requests must equal limits, or the pod would lose its class;
 * `pod-level`: the pod as a whole has requests and limits (KEP-2837), and containers need none;
 * `other`: nothing.
 */
export type Qos = 'guaranteed' | 'pod-level' | 'other';

/**
 * Every container has CPU and memory limits, and requests equal to them; a limit of zero does not count
 * (Kubernetes docs, "Pod Quality of Service Classes").
 */
function isGuaranteed(container: ContainerFacts): boolean {
	return ['cpu', 'memory'].every((resource) => {
		const limit = quantityIn(container.limits[resource]);
		const request = quantityIn(container.requests[resource]);
		if (limit === undefined || amountOf(limit) === 0n) return false;
		return request === undefined || sameAmount(request, limit);
	});
}

/** A quantity may be written as a number as well (`cpu: 1`). */
function quantityIn(value: unknown): string | undefined {
	return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/** The class of a pod before the injection. Quantities are compared by amount. */
export function qosOf(pod: PodFacts): Qos {
	if (pod.podLevelResources) return 'pod-level';
	return [...pod.containers, ...(pod.initContainers ?? [])].every(isGuaranteed) ? 'guaranteed' : 'other';
}
