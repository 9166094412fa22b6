import { INJECTED } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { outDirectory, volumeName } from './added-names.ts';
import type { Asked } from './annotations.ts';
import type { ContainerFacts } from './container.ts';
import { type Rejection, reject } from './decision.ts';
import { type Grouping, groupByUser, type Identity, type IdentityDefaults } from './identity.ts';
import { tooManyParts, tooManyUsers, tooMuchAdded } from './limits.ts';
import { codeVariableProblem, nativeEnvProblem } from './native-env.ts';
import type { PodFacts } from './pod.ts';
import { chosenContainers, collision } from './pod-checks.ts';
import { type Qos, qosOf } from './qos.ts';
import type { Reading } from './reading.ts';
import { isToBeWrapped, type SelectionText, saidOfNobody, selectionFor } from './selections.ts';
import type { InjectionSettings } from './settings.ts';
import { isWrapped, wrapProblem } from './wrap.ts';

/** One init container, which writes what the containers of one user read. */
export interface FetcherPlan {
	readonly container: string;
	readonly identity: Identity;
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
export interface Plan {
	readonly reading: Reading;
	/** Where the readers see their volume. */
	readonly path: string;
	readonly order: 'first' | 'last';
	readonly qos: Qos;
	readonly fetchers: readonly FetcherPlan[];
	/** Readers that are to be started through a shell and are not yet. */
	readonly wrapped: readonly ContainerFacts[];
}

/** A plan, and what whoever wrote the pod should know. */
export interface Planned {
	readonly plan: Plan;
	readonly warnings: readonly string[];
}

/** Where a pod gets what it reads. Names in a plan are fixed by the order of the pod's containers. */
export function planFor(
	pod: PodFacts,
	asked: Asked,
	reading: Reading,
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

	const order = asked['init-order'] ?? 'first';
	const chosen = chosenContainers(pod, asked.containers, order);
	if (!chosen.ok) return chosen;
	const much = tooMuchAdded(chosen.value, reading.variables.length, reading.formats.length > 0);
	if (much !== undefined) return err(much);
	const nobody = saidOfNobody(asked, new Set(chosen.value.map(({ name }) => name)));
	if (nobody !== undefined) return err(nobody);
	const bare = wrapProblem(chosen.value, asked, reading);
	if (bare !== undefined) return err(bare);
	const unavailable = nativeEnvProblem(reading.variables, settings.nativeEnv, chosen.value);
	if (unavailable !== undefined) return err(unavailable);
	const code = codeVariableProblem(reading);
	if (code !== undefined) return err(code);
	const grouping = groupReaders(chosen.value, reading, {
		podUser: pod.user,
		podGroup: pod.group,
		askedUser: asked['run-as-user'],
		askedGroup: asked['run-as-group'],
		user: settings.defaultUser,
	});
	if (!grouping.ok) return grouping;
	const many = tooManyUsers(grouping.value);
	if (many !== undefined) return err(many);

	const path = asked.path ?? INJECTED.outDir;
	const plan: Plan = {
		reading,
		path,
		order,
		qos: qosOf(pod),
		fetchers: grouping.value.readers.map(({ identity, containers }, i) => {
			const suffix = i === 0 ? '' : `-${identity.user}`;
			return {
				container: `${INJECTED.container}${suffix}`,
				identity,
				readers: containers,
				volumes: volumesFor(containers, `${INJECTED.volume}${suffix}`, asked),
			};
		}),
		wrapped: chosen.value.filter(
			({ name, command = [] }) => isToBeWrapped(name, asked) && !isWrapped(command, path),
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
	asked: Asked,
): readonly VolumePlan[] {
	const groups = Map.groupBy(containers, ({ name }) => JSON.stringify(selectionFor(name, asked) ?? null));
	return [...groups.values()].map((readers, i) => ({
		name: volumeName(volume, i),
		out: outDirectory(i),
		selection: selectionFor(readers[0]?.name ?? '', asked),
		readers,
	}));
}

/** Where no file is read, no UID needs to match: one fetcher serves all. */
function groupReaders(
	containers: readonly ContainerFacts[],
	reading: Reading,
	defaults: IdentityDefaults,
): Result<Grouping, Rejection> {
	if (reading.formats.length > 0) return groupByUser(containers, defaults);
	const user = defaults.askedUser ?? defaults.user;
	return ok({
		readers: [{ identity: { user, group: defaults.askedGroup ?? user }, containers }],
		warnings: [],
	});
}
