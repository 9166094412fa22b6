import type { V1Container } from '@kubernetes/client-node';
import { INJECTED } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import { annotationOfNonReader, isWrapRequested, selectionFor } from '../annotations/selections.ts';
import { injectedContainers } from '../patch/injected-objects.ts';
import { outDirectory, volumeName } from '../pod/added-names.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { PodFacts } from '../pod/pod.ts';
import { qosOf } from '../pod/qos.ts';
import { type Grouping, groupByUser, type UserIdDefaults } from '../pod/user-ids.ts';
import type { InjectionSettings } from '../settings.ts';
import type { FetchSpec } from './fetch-spec.ts';
import type { InjectionPlan, VolumePlan } from './injection-plan.ts';
import { unusedLease } from './lease-checks.ts';
import { tooManySelections, tooManyUsers, tooMuchAdded, tooMuchText } from './limits.ts';
import { codeVariableProblem, nativeEnvProblem } from './native-env.ts';
import { chosenContainers, collision } from './pod-checks.ts';
import { refreshProblem, restartWarnings } from './refresh-checks.ts';
import { type Rejection, reject } from './rejection.ts';
import { isWrapped, wrapProblem } from './wrap.ts';

/** A plan, and warnings for the author of the pod. */
export interface PlanResult {
	readonly plan: InjectionPlan;
	/** The containers of its fetchers, in the order of the plan. */
	readonly containers: readonly V1Container[];
	readonly warnings: readonly string[];
}

/**
 * Plans what is added to a pod, or returns the first reason to refuse it. Checks the size limits first. Names
 * in the plan have the order of the pod's containers.
 */
export function planFor(
	pod: PodFacts,
	options: PodOptions,
	fetchSpec: FetchSpec,
	settings: InjectionSettings,
): Result<PlanResult, Rejection> {
	const unsupported = unsupportedPod(pod);
	if (unsupported !== undefined) return err(unsupported);

	const readers = chosenContainers(pod, options.containers, options['init-order'] ?? 'first');
	if (!readers.ok) return readers;
	const refused = readersProblem(readers.value, options, fetchSpec, settings);
	if (refused !== undefined) return err(refused);

	const grouping = groupReaders(readers.value, fetchSpec, {
		podUser: pod.user,
		podGroup: pod.group,
		annotatedUser: options['run-as-user'],
		annotatedGroup: options['run-as-group'],
		user: settings.defaultUser,
	});
	if (!grouping.ok) return grouping;
	const many = tooManyUsers(grouping.value);
	if (many !== undefined) return err(many);

	const { refresh } = fetchSpec;
	const exposed =
		refresh === undefined
			? undefined
			: refreshProblem({
					pod,
					readers: readers.value,
					userIds: grouping.value.readers.map(({ userIds }) => userIds),
					fetchSpec: { ...fetchSpec, refresh },
					order: options['init-order'] ?? 'first',
					settings,
				});
	if (exposed !== undefined) return err(exposed);

	const plan = assemble(pod, options, fetchSpec, readers.value, grouping.value);
	const selections = plan.fetchers.reduce((sum, { volumes }) => sum + volumes.length, 0);
	const problem = tooManySelections(selections) ?? collision(pod, plan);
	if (problem !== undefined) return err(problem);
	const containers = injectedContainers(plan, settings);
	const tooLong = tooMuchText(containers.map(({ env = [] }) => env));
	if (tooLong !== undefined) return err(tooLong);
	const warnings = [
		...grouping.value.warnings,
		...(refresh === undefined ? [] : restartWarnings(pod, refresh)),
	];
	return ok({ plan, containers, warnings });
}

/** Why a pod of this kind gets no secrets, whatever its annotations say. */
function unsupportedPod({ windows, mirror }: PodFacts): Rejection | undefined {
	if (windows)
		return reject(
			'windows',
			'pods on Windows get no secrets: the fetcher and its in-memory volume need Linux; this one can only run there, by spec.os, its node selector, its required node affinity, or host processes',
		);
	if (mirror)
		return reject(
			'static-pod',
			'a static pod gets no secrets: it has no service account to log in to Vault with',
		);
	return undefined;
}

/**
 * Returns why these containers cannot get what the annotations request. Checks the size first: the time of
 * the other checks depends on it.
 */
function readersProblem(
	readers: readonly ContainerFacts[],
	options: PodOptions,
	fetchSpec: FetchSpec,
	settings: InjectionSettings,
): Rejection | undefined {
	const { variables, formats } = fetchSpec;
	return (
		tooMuchAdded(readers, variables.length, formats.length > 0) ??
		annotationOfNonReader(options, new Set(readers.map(({ name }) => name))) ??
		wrapProblem(readers, options, fetchSpec) ??
		nativeEnvProblem(variables, settings.nativeEnv, readers) ??
		codeVariableProblem(fetchSpec) ??
		unusedLease(options, readers)
	);
}

/** Builds the plan: one fetcher for each group of readers. The names of the first one have no suffix. */
function assemble(
	pod: PodFacts,
	options: PodOptions,
	fetchSpec: FetchSpec,
	readers: readonly ContainerFacts[],
	grouping: Grouping,
): InjectionPlan {
	const path = options.path ?? INJECTED.outDir;
	return {
		fetchSpec,
		path,
		order: options['init-order'] ?? 'first',
		qos: qosOf(pod),
		fetchers: grouping.readers.map(({ userIds, containers }, i) => {
			const suffix = i === 0 ? '' : `-${userIds.user}`;
			return {
				container: `${INJECTED.container}${suffix}`,
				sidecar:
					fetchSpec.refresh === undefined
						? undefined
						: {
								container: `${INJECTED.sidecar}${suffix}`,
								privateVolume: `${INJECTED.privateVolume}${suffix}`,
							},
				userIds,
				readers: containers,
				volumes: volumesFor(containers, `${INJECTED.volume}${suffix}`, options),
			};
		}),
		wrapped: readers.filter(
			({ name, command = [] }) => isWrapRequested(name, options) && !isWrapped(command, path),
		),
	};
}

/** Containers with the same selection share a volume. */
function volumesFor(
	containers: readonly ContainerFacts[],
	volume: string,
	options: PodOptions,
): readonly VolumePlan[] {
	const groups = Map.groupBy(containers, ({ name }) => JSON.stringify(selectionFor(name, options) ?? null));
	return [...groups.values()].map((readers, i) => ({
		name: volumeName(volume, i),
		out: outDirectory(i),
		selection: selectionFor(readers[0]?.name ?? '', options),
		readers,
	}));
}

/** Without files no UID needs to match: one fetcher serves all containers. */
function groupReaders(
	containers: readonly ContainerFacts[],
	fetchSpec: FetchSpec,
	defaults: UserIdDefaults,
): Result<Grouping, Rejection> {
	if (fetchSpec.formats.length > 0) return groupByUser(containers, defaults);
	const user = defaults.annotatedUser ?? defaults.user;
	return ok({
		readers: [{ userIds: { user, group: defaults.annotatedGroup ?? user }, containers }],
		warnings: [],
	});
}
