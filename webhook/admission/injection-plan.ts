import type { SelectionText } from '../annotations/selections.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { Qos } from '../pod/qos.ts';
import type { UserIds } from '../pod/user-ids.ts';
import type { FetchSpec } from './fetch-spec.ts';

/** One init container, which writes what the containers of one user read. */
export interface FetcherPlan {
	readonly container: string;
	readonly userIds: UserIds;
	readonly readers: readonly ContainerFacts[];
	/** One for each part of the secrets that these containers get. */
	readonly volumes: readonly VolumePlan[];
}

/** A volume, and the containers that get the part of the secrets that lies in it. */
export interface VolumePlan {
	readonly name: string;
	/** Where the fetcher sees it. */
	readonly out: string;
	/** Undefined: everything. */
	readonly selection: SelectionText | undefined;
	readonly readers: readonly ContainerFacts[];
}

/** All that is to be added to a pod, before it is put into Kubernetes' words. */
export interface InjectionPlan {
	readonly fetchSpec: FetchSpec;
	/** Where the readers see their volume. */
	readonly path: string;
	readonly order: 'first' | 'last';
	readonly qos: Qos;
	readonly fetchers: readonly FetcherPlan[];
	/** Readers that are to be started through a shell and are not yet. */
	readonly wrapped: readonly ContainerFacts[];
}
