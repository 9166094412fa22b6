import type { V1Container } from '@kubernetes/client-node';
import type { InjectionPlan } from '../admission/injection-plan.ts';
import { STATUS_ANNOTATION } from '../annotations/annotations.ts';
import type { EarlierInjection } from '../pod/earlier-injection.ts';
import type { PodFacts } from '../pod/pod.ts';
import type { InjectionSettings } from '../settings.ts';
import { placeFetchers } from './init-order.ts';
import { volumes } from './injected-volumes.ts';
import { add, pointer } from './json-patch.ts';
import { readerChanges } from './reader-patch.ts';
import { type PodChange, reconcileFetcher } from './reconcile.ts';
import { volumeChanges } from './volume-patch.ts';

/** Input of a patch. */
export interface PatchParts {
	/** The original pod. */
	readonly pod: PodFacts;
	/** What an earlier injection has added to it. */
	readonly parts: EarlierInjection;
	readonly plan: InjectionPlan;
	/** The fetchers of the plan. */
	readonly containers: readonly V1Container[];
	readonly settings: InjectionSettings;
	/** The image that an earlier injection gave to its fetchers, if that is known. */
	readonly earlierImage: string | undefined;
	/** What the status annotation is to say. */
	readonly status: string;
}

/**
 * The changes that turn the pod into the planned one. Everything else stays byte for byte. On a pod that was
 * not injected before, all changes add. Changes of containers come before changes of lists, while the
 * original indexes are valid.
 */
export function changesFor(patch: PatchParts): readonly PodChange[] {
	const { pod, parts, plan, containers, settings } = patch;
	return [
		...readerChanges(pod, parts, plan),
		...fetcherChanges(patch),
		...volumeChanges(pod, parts, volumes(plan, settings)),
		...placeFetchers(pod, parts, plan, containers),
		...pullSecretChanges(pod, settings.pullSecrets),
		...statusChanges(pod, patch.status),
	];
}

/** What is changed in the fetchers that are there already. */
function fetcherChanges({ parts, containers, earlierImage }: PatchParts): PodChange[] {
	const byName = new Map(containers.map((container) => [container.name, container]));
	return parts.fetchers.flatMap((found) => {
		const container = byName.get(found.name);
		byName.delete(found.name);
		if (container === undefined || found.raw === undefined) return [];
		return reconcileFetcher({ found: { ...found, raw: found.raw }, expected: container, earlierImage });
	});
}

/**
 * Adds to the pull secrets of the pod. Kubernetes adds those of the service account before it calls webhooks,
 * and only to pods that name none (ServiceAccount admission).
 */
function pullSecretChanges(pod: PodFacts, names: readonly string[]): PodChange[] {
	const missing = names.filter((name) => !pod.pullSecrets?.includes(name)).map((name) => ({ name }));
	if (missing.length === 0) return [];
	const operations =
		pod.pullSecrets === undefined
			? [add('/spec/imagePullSecrets', missing)]
			: missing.map((reference) => add('/spec/imagePullSecrets/-', reference));
	return [{ part: 'imagePullSecrets', foreign: false, operations }];
}

function statusChanges(pod: PodFacts, status: string): PodChange[] {
	if (pod.annotations?.get(STATUS_ANNOTATION) === status) return [];
	const operation =
		pod.annotations === undefined
			? add('/metadata/annotations', { [STATUS_ANNOTATION]: status })
			: add(`/metadata/annotations/${pointer(STATUS_ANNOTATION)}`, status);
	return [{ part: `annotation ${STATUS_ANNOTATION}`, foreign: false, operations: [operation] }];
}
