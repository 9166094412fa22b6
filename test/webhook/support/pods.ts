import type { V1Container, V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX } from '../../../contract/names.ts';

/** Annotations of Envtier without their prefix. */
export type Asks = Readonly<Record<string, string>>;

/** The least that injects: one deployment, one service. */
export const ASKS: Asks = { deployment: 'shop', service: 'web' };

/** A container that says its UID. */
export const WEB: V1Container = {
	name: 'web',
	image: 'registry.example.com/shop/web:1',
	securityContext: { runAsUser: 1000 },
};

/** Annotations with Envtier's prefix before each name. */
export function prefixed(asks: Asks): Record<string, string> {
	return Object.fromEntries(
		Object.entries(asks).map(([name, value]) => [`${ANNOTATION_PREFIX}${name}`, value]),
	);
}

/** A pod that asks, with one container unless `spec` has others. */
export function podOf(asks: Asks = ASKS, spec: Partial<V1PodSpec> = {}): V1Pod {
	return {
		apiVersion: 'v1',
		kind: 'Pod',
		metadata: { name: 'web', annotations: prefixed(asks) },
		spec: { containers: [structuredClone(WEB)], ...structuredClone(spec) },
	};
}
