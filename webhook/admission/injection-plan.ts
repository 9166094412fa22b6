import type { SelectionText } from '../annotations/selections.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { Qos } from '../pod/qos.ts';
import type { UserIds } from '../pod/user-ids.ts';
import type { FetchSpec } from './fetch-spec.ts';

/** One init container, which writes what the containers of one user read. */
export interface FetcherPlan {
	readonly container: string;
	/** The native sidecar that keeps its files current; undefined where they are written once. */
	readonly sidecar: SidecarPlan | undefined;
	readonly userIds: UserIds;
	readonly readers: readonly ContainerFacts[];
	/** One for each selection of these containers. */
	readonly volumes: readonly VolumePlan[];
}

/** A native sidecar, and the volume in memory that only it and its fetcher mount. */
export interface SidecarPlan {
	readonly container: string;
	readonly privateVolume: string;
}

/** A volume, and the containers that get its secrets. */
export interface VolumePlan {
	readonly name: string;
	/** Mount path in the fetcher. */
	readonly out: string;
	/** Undefined: everything. */
	readonly selection: SelectionText | undefined;
	readonly readers: readonly ContainerFacts[];
}

/** Everything that is added to a pod, independent of Kubernetes' objects. */
export interface InjectionPlan {
	readonly fetchSpec: FetchSpec;
	/** Mount path in the readers. */
	readonly path: string;
	readonly order: 'first' | 'last';
	readonly qos: Qos;
	readonly fetchers: readonly FetcherPlan[];
	/** Readers that must be wrapped and are not wrapped yet. */
	readonly wrapped: readonly ContainerFacts[];
}
