import { WRAPPER_LENGTH, wrappersIn } from '../admission/wrap.ts';
import { isAddedVolume } from './added-names.ts';
import type { ContainerFacts, FileVariable, Mount } from './container.ts';
import type { PodFacts, VolumeFacts } from './pod.ts';

/** What an earlier injection added to one container of the application. */
export interface InjectedIntoContainer {
	readonly mounts: readonly Mount[];
	readonly variables: readonly FileVariable[];
	/** Where in the command a wrapper begins. */
	readonly wrappers: readonly number[];
}

/** What bears the names of an earlier injection, whoever has put it there. */
export interface EarlierInjection {
	readonly fetchers: readonly ContainerFacts[];
	readonly volumes: readonly VolumeFacts[];
	readonly of: (container: ContainerFacts) => InjectedIntoContainer;
	/** The containers of the application that have any, as they came. */
	readonly containers: readonly ContainerFacts[];
}

const NONE: InjectedIntoContainer = { mounts: [], variables: [], wrappers: [] };

/** For a pod that was not injected before: everything in it is its own. */
export const NO_EARLIER_INJECTION: EarlierInjection = {
	fetchers: [],
	volumes: [],
	of: () => NONE,
	containers: [],
};

function partsOf(container: ContainerFacts): InjectedIntoContainer {
	return {
		mounts: (container.mounts ?? []).filter(({ volume }) => isAddedVolume(volume)),
		variables: container.fromFiles.filter(({ volume }) => isAddedVolume(volume)),
		wrappers: wrappersIn(container.command ?? []),
	};
}

/** The container before the injection. Indexes are those of the original pod. */
function without(
	container: ContainerFacts,
	{ mounts, variables, wrappers }: InjectedIntoContainer,
): ContainerFacts {
	const taken = new Set<Mount | FileVariable>([...mounts, ...variables]);
	const indexes = new Set(variables.map(({ index }) => index));
	const words = new Set(wrappers.flatMap((at) => Array.from({ length: WRAPPER_LENGTH }, (_, i) => at + i)));
	return {
		...container,
		mounts: container.mounts?.filter((mount) => !taken.has(mount)),
		env: container.env?.filter((_, i) => !indexes.has(i)),
		fromFiles: container.fromFiles.filter((variable) => !taken.has(variable)),
		command: container.command?.filter((_, i) => !words.has(i)),
	};
}

/** Separates an earlier injection from the rest of a pod. Plans are made for the rest. */
export function separateInjection(pod: PodFacts): {
	readonly pod: PodFacts;
	readonly parts: EarlierInjection;
} {
	const inits = pod.initContainers ?? [];
	const fetchers = inits.filter(({ raw }) => raw !== undefined);
	const others = [...pod.containers, ...inits.filter(({ raw }) => raw === undefined)];
	const found = new Map(others.map((container) => [keyOf(container), partsOf(container)]));
	const of = (container: ContainerFacts): InjectedIntoContainer => found.get(keyOf(container)) ?? NONE;
	const bare = (container: ContainerFacts): ContainerFacts => without(container, of(container));
	return {
		pod: {
			...pod,
			containers: pod.containers.map(bare),
			initContainers: pod.initContainers?.filter(({ raw }) => raw === undefined).map(bare),
			volumes: pod.volumes?.filter(({ name }) => !isAddedVolume(name)),
		},
		parts: {
			fetchers,
			volumes: (pod.volumes ?? []).filter(({ name }) => isAddedVolume(name)),
			of,
			containers: others.filter((container) => hasParts(of(container))),
		},
	};
}

/** The number of injected parts. */
export function countParts({ fetchers, volumes, containers: holders, of }: EarlierInjection): number {
	return holders.reduce((sum, holder) => {
		const { mounts, variables, wrappers } = of(holder);
		return sum + mounts.length + variables.length + wrappers.length;
	}, fetchers.length + volumes.length);
}

function keyOf({ list, index }: ContainerFacts): string {
	return `${list}/${index}`;
}

function hasParts({ mounts, variables, wrappers }: InjectedIntoContainer): boolean {
	return mounts.length + variables.length + wrappers.length > 0;
}
