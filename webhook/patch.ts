import type { V1Container, V1Volume } from '@kubernetes/client-node';
import type { AddOperation } from 'fast-json-patch';
import { STATUS_ANNOTATION } from './annotations.ts';
import { fetcherContainer, readerMount, readerVariables, volumes, volumesOf } from './parts.ts';
import type { Plan } from './plan.ts';
import type { PodFacts } from './pod.ts';
import type { InjectionSettings } from './settings.ts';
import { statusOf } from './status.ts';
import { wrapper } from './wrap.ts';

/** One operation of a JSON Patch (RFC 6902). Injection only ever adds. */
export type Operation = AddOperation<unknown>;

/** The name of a member as a part of a JSON Pointer (RFC 6901, section 3). */
function pointer(member: string): string {
	return member.replaceAll('~', '~0').replaceAll('/', '~1');
}

const add = (path: string, value: unknown): Operation => ({ op: 'add', path, value });

function addVolumes(pod: PodFacts, added: readonly V1Volume[]): Operation[] {
	if (pod.volumes === undefined) return [add('/spec/volumes', added)];
	return added.map((volume) => add('/spec/volumes/-', volume));
}

/** At the front each container is put before what is there, so that the first of several ends up first. */
function addInitContainers(pod: PodFacts, added: readonly V1Container[], order: Plan['order']): Operation[] {
	if (pod.initContainers === undefined) return [add('/spec/initContainers', added)];
	return added.map((container, i) => add(`/spec/initContainers/${order === 'first' ? i : '-'}`, container));
}

/** In front, so that the container's own variables, command and arguments can refer to them by `$(NAME)`. */
function addVariables(plan: Plan): Operation[] {
	return volumesOf(plan).flatMap((volume) => {
		const variables = readerVariables(plan, volume);
		if (variables.length === 0) return [];
		return volume.readers.flatMap((container) => {
			const path = `/spec/${container.list}/${container.index}/env`;
			return container.env === undefined
				? [add(path, variables)]
				: variables.map((variable, i) => add(`${path}/${i}`, variable));
		});
	});
}

/** Mounts are added before init containers are, while the indexes of the pod as it came still hold. */
function addMounts(plan: Plan): Operation[] {
	if (plan.reading.formats.length === 0) return [];
	return volumesOf(plan).flatMap((volume) =>
		volume.readers.map((container) => {
			const path = `/spec/${container.list}/${container.index}/volumeMounts`;
			const mount = readerMount(plan, volume);
			return container.mounts === undefined ? add(path, [mount]) : add(`${path}/-`, mount);
		}),
	);
}

/** Word by word before the command that is there, which stays as it was, as do the arguments. */
function addWrappers(plan: Plan): Operation[] {
	return plan.wrapped.flatMap((container) =>
		wrapper(plan.path).map((word, i) => add(`/spec/${container.list}/${container.index}/command/${i}`, word)),
	);
}

function addStatus(pod: PodFacts, plan: Plan): Operation {
	const status = statusOf(plan);
	return pod.annotations === undefined
		? add('/metadata/annotations', { [STATUS_ANNOTATION]: status })
		: add(`/metadata/annotations/${pointer(STATUS_ANNOTATION)}`, status);
}

/** The JSON Patch that turns the pod into the one planned; everything that it does not name stays byte for byte. */
export function patchFor(pod: PodFacts, plan: Plan, settings: InjectionSettings): Operation[] {
	return [
		...addVariables(plan),
		...addMounts(plan),
		...addWrappers(plan),
		...addVolumes(pod, volumes(plan, settings)),
		...addInitContainers(
			pod,
			plan.fetchers.map((fetcher) => fetcherContainer(plan, fetcher, settings)),
			plan.order,
		),
		addStatus(pod, plan),
	];
}
