import { INJECTED } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import type { Asked } from './annotations.ts';
import type { ContainerFacts } from './container.ts';
import { type Rejection, reject } from './decision.ts';
import { type Grouping, groupByUser, type Identity, type IdentityDefaults } from './identity.ts';
import { tooManyUsers, tooMuchAdded } from './limits.ts';
import { nativeEnvProblem } from './native-env.ts';
import type { PodFacts } from './pod.ts';
import { chosenContainers, collision } from './pod-checks.ts';
import { type Qos, qosOf } from './qos.ts';
import type { Reading } from './reading.ts';
import type { InjectionSettings } from './settings.ts';

/** One init container that writes to one volume, read by the containers of one user. */
export interface FetcherPlan {
	readonly container: string;
	readonly volume: string;
	readonly identity: Identity;
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
			reject('windows', 'pods on Windows get no secrets: the fetcher and its in-memory volume need Linux'),
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
	const unavailable = nativeEnvProblem(reading.variables, settings.nativeEnv, chosen.value);
	if (unavailable !== undefined) return err(unavailable);
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

	const plan: Plan = {
		reading,
		path: asked.path ?? INJECTED.outDir,
		order,
		qos: qosOf(pod),
		fetchers: grouping.value.readers.map(({ identity, containers }, i) => {
			const suffix = i === 0 ? '' : `-${identity.user}`;
			return {
				container: `${INJECTED.container}${suffix}`,
				volume: `${INJECTED.volume}${suffix}`,
				identity,
				readers: containers,
			};
		}),
	};
	const taken = collision(pod, plan);
	return taken === undefined ? ok({ plan, warnings: grouping.value.warnings }) : err(taken);
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
