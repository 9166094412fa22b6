import type { PodOptions } from '../annotations/annotations.ts';
import { STATUS_ANNOTATION } from '../annotations/annotations.ts';
import type { EarlierInjection } from '../pod/earlier-injection.ts';
import type { PodFacts } from '../pod/pod.ts';
import type { InjectionSettings } from '../settings.ts';
import type { InjectionPlan } from './injection-plan.ts';
import type { Rejection } from './rejection.ts';

/**
 * The content of the status annotation. Anyone can write it, so only the choice of containers depends on it.
 */
export interface InjectionStatus {
	/** The image of the fetchers. */
	readonly image: string | undefined;
	/** The containers that got secrets, if the pod names none. */
	readonly containers: readonly string[];
}

/**
 * Longer lists are left out of the annotation to keep it short. The mounts then show which containers are
 * meant.
 */
const MAX_NAMES = 200;

/**
 * The value of the status annotation: the init containers that were added, their image, and the containers
 * that get secrets if the pod does not name them.
 */
export function statusOf(plan: InjectionPlan, options: PodOptions, settings: InjectionSettings): string {
	const readers = plan.fetchers.flatMap((fetcher) => fetcher.readers.map(({ name }) => name));
	return JSON.stringify({
		fetchers: plan.fetchers.map((fetcher) => fetcher.container),
		sidecars: plan.fetchSpec.refresh && plan.fetchers.flatMap(({ sidecar }) => sidecar?.container ?? []),
		image: settings.image,
		containers: options.containers === undefined && readers.length <= MAX_NAMES ? readers : undefined,
	});
}

const NOTHING: InjectionStatus = { image: undefined, containers: [] };

/** Parses a status annotation. Anything else than injection writes is ignored. */
export function parseStatus(text: string): InjectionStatus {
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		return NOTHING;
	}
	if (typeof parsed !== 'object' || parsed === null) return NOTHING;
	const { image, containers } = parsed as Record<string, unknown>;
	return {
		image: typeof image === 'string' ? image : undefined,
		containers: Array.isArray(containers) ? containers.filter((name) => typeof name === 'string') : [],
	};
}

/**
 * The containers that get secrets at a later review of a pod that names none: those of the first review.
 * Other containers were added since by later webhooks. Undefined: all, as for a pod that was never injected.
 */
export function earlierReaders(
	status: InjectionStatus,
	pod: PodFacts,
	parts: EarlierInjection,
	options: PodOptions,
): readonly string[] | undefined {
	if (parts.fetchers.length + parts.volumes.length + parts.containers.length === 0) return undefined;
	const { keys, prefix, wrap } = options.each;
	const names = new Set([...status.containers, ...keys.keys(), ...prefix.keys(), ...wrap.keys()]);
	for (const { list, name } of parts.containers) if (list === 'containers') names.add(name);
	const readers = pod.containers.map(({ name }) => name).filter((name) => names.has(name));
	return readers.length === 0 ? undefined : readers;
}

/** Extends the message for a pod that was injected before: the obstacle was not there at the first review. */
export function sinceInjection(rejection: Rejection): Rejection {
	return {
		...rejection,
		message: `${rejection.message} (the pod was injected before, as ${STATUS_ANNOTATION} says: another webhook has changed it since, or it is a copy that was changed)`,
	};
}
