import type { V1EndpointSlice, V1Service } from '@kubernetes/client-node';
import { bad, type Check, good, warn } from './check.ts';

/** Checks how many of a Service's endpoints are ready. */
export function endpointsCheck(service: V1Service, slices: readonly V1EndpointSlice[], port: number): Check {
	const id = 'webhook-endpoints';
	const name = `Service ${service.metadata?.namespace}/${service.metadata?.name}`;
	if (!service.spec?.ports?.some((one) => one.port === port))
		return bad(
			id,
			`${name} has no port ${port}, which the webhook configuration calls`,
			'give both the same port',
		);
	const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
	// An unset condition counts as true (discovery.k8s.io/v1, EndpointConditions).
	const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
	if (ready.length === 0)
		return bad(
			id,
			`${name} has no ready endpoint (${endpoints.length} in all): every call fails`,
			'look at the webhook’s pods: kubectl --namespace envtier-system get pods, then describe and logs',
		);
	const message = `${name} has ${ready.length} of ${endpoints.length} endpoints ready`;
	if (ready.length > 1) return good(id, message);
	return warn(
		id,
		`${message}: when it goes, no pod that asks for secrets can be created`,
		'run two replicas or more (the production overlay has three)',
	);
}
