import type { V1Pod } from '@kubernetes/client-node';

/** What differs between two creations of one pod: names that the API server makes, times and the like. */
export function comparable({ metadata, spec }: V1Pod): unknown {
	const { annotations = {}, labels = {} } = metadata ?? {};
	// The volume of the service account's token has a name of its own in each pod.
	const text = JSON.stringify({ annotations, labels, spec }).replaceAll(
		/kube-api-access-[a-z0-9]{5}/g,
		'token',
	);
	return JSON.parse(text) as unknown;
}

/**
 * The same with volumes and mounts in the order of their names: the volume of the service account's token
 * comes first or last.
 */
export function sorted(pod: unknown): unknown {
	const copy = structuredClone(pod) as V1Pod;
	const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);
	copy.spec?.volumes?.sort(byName);
	for (const container of [...(copy.spec?.containers ?? []), ...(copy.spec?.initContainers ?? [])]) {
		container.volumeMounts?.sort(byName);
		container.env?.sort(byName);
	}
	return copy;
}
