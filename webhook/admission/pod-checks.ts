import { ANNOTATION_PREFIX, INJECTED } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { injectedNames } from '../patch/injected-objects.ts';
import { volumesOf } from '../patch/injected-volumes.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { PodFacts } from '../pod/pod.ts';
import type { InjectionPlan } from './injection-plan.ts';
import { mountConflict } from './mount-checks.ts';
import { quoted } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

/** The containers that get the files: those in the annotation, else all app containers. */
export function chosenContainers(
	pod: PodFacts,
	names: readonly string[] | undefined,
	order: 'first' | 'last',
): Result<readonly ContainerFacts[], Rejection> {
	if (names === undefined) return ok(pod.containers);
	const all = [...pod.containers, ...(pod.initContainers ?? [])];
	// A map, because both lists may be long. If two containers share a name, which the API server refuses later,
	// the first counts.
	const byName = new Map([...all].reverse().map((container) => [container.name, container]));
	const chosen: ContainerFacts[] = [];
	for (const name of names) {
		const found = byName.get(name);
		if (found === undefined) return err(unknownContainer(name, all));
		if (found.list === 'initContainers' && order === 'last') return err(tooEarly(name));
		chosen.push(found);
	}
	return ok(chosen);
}

const LISTED = 10;

function unknownContainer(name: string, all: readonly ContainerFacts[]): Rejection {
	const listed = all.slice(0, LISTED).map((container) => quoted(container.name));
	const more = all.length > LISTED ? ` and ${all.length - LISTED} more` : '';
	return reject(
		'unknown-container',
		`annotation ${ANNOTATION_PREFIX}containers names ${quoted(name)}, which is no container of this pod; it has ${listed.join(', ')}${more}`,
	);
}

function tooEarly(name: string): Rejection {
	return reject(
		'container-too-early',
		`init container ${quoted(name)} is to get secrets, but with ${ANNOTATION_PREFIX}init-order "last" it would start before they are there: use "first"`,
	);
}

/** The first name or mount path of the pod that conflicts with the plan. */
export function collision(pod: PodFacts, plan: InjectionPlan): Rejection | undefined {
	const mounted = plan.fetchSpec.formats.length > 0;
	return (
		takenContainer(pod, plan) ?? takenVolume(pod, plan) ?? (mounted ? mountConflict(pod, plan) : undefined)
	);
}

function takenContainer(pod: PodFacts, plan: InjectionPlan): Rejection | undefined {
	const names = new Set([
		...pod.containers.map(({ name }) => name),
		...(pod.initContainers ?? []).map(({ name }) => name),
		...pod.ephemeralNames,
	]);
	const taken = injectedNames(plan).find((name) => names.has(name));
	if (taken === undefined) return undefined;
	return reject('name-taken', `the pod already has a container named "${taken}": rename it`);
}

function takenVolume(pod: PodFacts, plan: InjectionPlan): Rejection | undefined {
	const ours = [
		INJECTED.tokenVolume,
		...volumesOf(plan).map(({ name }) => name),
		...plan.fetchers.flatMap(({ sidecar }) => sidecar?.privateVolume ?? []),
	];
	const taken = ours.find((name) => pod.volumes?.some((volume) => volume.name === name));
	if (taken !== undefined)
		return reject('name-taken', `the pod already has a volume named "${taken}": rename it`);
	// Such a container would see the token, or could write to the secrets, once the volume exists.
	for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
		const mount = container.mounts?.find(({ volume }) => ours.includes(volume));
		if (mount !== undefined)
			return reject(
				'name-taken',
				`container ${quoted(container.name)} already mounts a volume named "${mount.volume}", which injection adds for others: remove that mount`,
			);
		// The kubelet reads the file of a native variable without a mount.
		const variable = container.fromFiles.find(({ volume }) => ours.includes(volume));
		if (variable !== undefined)
			return reject(
				'name-taken',
				`container ${quoted(container.name)} already takes the variable ${quoted(variable.name)} from a volume named "${variable.volume}" (fileKeyRef), which injection adds for others: remove that variable, and ask for it with ${ANNOTATION_PREFIX}env`,
			);
	}
	return undefined;
}
