import { INJECTED } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import { isToBeWrapped, saidOfNobody, selectionFor } from '../annotations/selections.ts';
import { outDirectory, volumeName } from '../pod/added-names.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { PodFacts } from '../pod/pod.ts';
import { qosOf } from '../pod/qos.ts';
import { type Grouping, groupByUser, type IdentityDefaults } from '../pod/user-ids.ts';
import type { InjectionSettings } from '../settings.ts';
import type { FetchSpec } from './fetch-spec.ts';
import type { Plan, VolumePlan } from './injection-plan.ts';
import { tooManyParts, tooManyUsers, tooMuchAdded } from './limits.ts';
import { codeVariableProblem, nativeEnvProblem } from './native-env.ts';
import { chosenContainers, collision } from './pod-checks.ts';
import { type Rejection, reject } from './rejection.ts';
import { isWrapped, wrapProblem } from './wrap.ts';

/** A plan, and what whoever wrote the pod should know. */
export interface Planned {
	readonly plan: Plan;
	readonly warnings: readonly string[];
}

/** Where a pod gets what it reads. Names in a plan are fixed by the order of the pod's containers. */
export function planFor(
	pod: PodFacts,
	options: PodOptions,
	fetchSpec: FetchSpec,
	settings: InjectionSettings,
): Result<Planned, Rejection> {
	if (pod.windows)
		return err(
			reject(
				'windows',
				'pods on Windows get no secrets: the fetcher and its in-memory volume need Linux; this one can only run there, by spec.os, its node selector, its required node affinity, or host processes',
			),
		);
	if (pod.mirror)
		return err(
			reject('static-pod', 'a static pod gets no secrets: it has no service account to log in to Vault with'),
		);

	const order = options['init-order'] ?? 'first';
	const chosen = chosenContainers(pod, options.containers, order);
	if (!chosen.ok) return chosen;
	const much = tooMuchAdded(chosen.value, fetchSpec.variables.length, fetchSpec.formats.length > 0);
	if (much !== undefined) return err(much);
	const nobody = saidOfNobody(options, new Set(chosen.value.map(({ name }) => name)));
	if (nobody !== undefined) return err(nobody);
	const bare = wrapProblem(chosen.value, options, fetchSpec);
	if (bare !== undefined) return err(bare);
	const unavailable = nativeEnvProblem(fetchSpec.variables, settings.nativeEnv, chosen.value);
	if (unavailable !== undefined) return err(unavailable);
	const code = codeVariableProblem(fetchSpec);
	if (code !== undefined) return err(code);
	const grouping = groupReaders(chosen.value, fetchSpec, {
		podUser: pod.user,
		podGroup: pod.group,
		askedUser: options['run-as-user'],
		askedGroup: options['run-as-group'],
		user: settings.defaultUser,
	});
	if (!grouping.ok) return grouping;
	const many = tooManyUsers(grouping.value);
	if (many !== undefined) return err(many);

	const path = options.path ?? INJECTED.outDir;
	const plan: Plan = {
		fetchSpec,
		path,
		order,
		qos: qosOf(pod),
		fetchers: grouping.value.readers.map(({ identity, containers }, i) => {
			const suffix = i === 0 ? '' : `-${identity.user}`;
			return {
				container: `${INJECTED.container}${suffix}`,
				identity,
				readers: containers,
				volumes: volumesFor(containers, `${INJECTED.volume}${suffix}`, options),
			};
		}),
		wrapped: chosen.value.filter(
			({ name, command = [] }) => isToBeWrapped(name, options) && !isWrapped(command, path),
		),
	};
	const parts = tooManyParts(plan.fetchers.reduce((sum, { volumes }) => sum + volumes.length, 0));
	if (parts !== undefined) return err(parts);
	const taken = collision(pod, plan);
	return taken === undefined ? ok({ plan, warnings: grouping.value.warnings }) : err(taken);
}

/** Containers that get the same part of the secrets share a volume. */
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

/** Where no file is read, no UID needs to match: one fetcher serves all. */
function groupReaders(
	containers: readonly ContainerFacts[],
	fetchSpec: FetchSpec,
	defaults: IdentityDefaults,
): Result<Grouping, Rejection> {
	if (fetchSpec.formats.length > 0) return groupByUser(containers, defaults);
	const user = defaults.askedUser ?? defaults.user;
	return ok({
		readers: [{ identity: { user, group: defaults.askedGroup ?? user }, containers }],
		warnings: [],
	});
}
