import { ok, type Result } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import type { Folders } from '../vault/poll.ts';
import type { Workload } from '../workloads/workload.ts';
import { type Decision, decide } from './decide.ts';
import { type Incomparable, type PodsView, podsOf } from './observe.ts';
import { currentRevision } from './revision.ts';

/** Compares workloads with Vault. */
export interface Checks {
	/**
	 * Decides about one workload.
	 *
	 * @param again true: lists its pods and reads Vault now, whatever is known
	 * @returns a decision, or why its secrets cannot be compared
	 */
	check(key: string, workload: Workload, again: boolean): Promise<Decision | Incomparable>;
	forget(key: string): void;
	/** The folders that known pods read, with the keys of their workloads. */
	readers(): ReadonlyMap<string, readonly string[]>;
}

/** What the checks look at. */
export interface CheckParts {
	readonly client: KubernetesClient;
	readonly folders: Folders;
	/** Namespace and KV mount that the controller reads. */
	readonly vault: { readonly namespace: string | undefined; readonly mount: string };
	/** Milliseconds after which the pods of a workload are listed again although nothing about it changed. */
	readonly stale: number;
}

const OTHER_VAULT: Incomparable = {
	kind: 'impossible',
	problem:
		'its pods read another Vault namespace or KV mount than the controller (ENVTIER_VAULT_NAMESPACE, ENVTIER_VAULT_KV_MOUNT)',
};

interface KnownPods {
	readonly view: PodsView;
	readonly version: string;
	readonly at: number;
}

/** Opens the checks. Workloads that are older than this call are not compared with their pods. */
export function openChecks({ client, folders, vault, stale }: CheckParts): Checks {
	const watchingSince = Date.now();
	const pods = new Map<string, KnownPods>();

	/** What the pods of a workload read. Lists them only if the workload has changed since. */
	const observe = async (
		key: string,
		workload: Workload,
		again: boolean,
	): Promise<Result<PodsView | undefined, Incomparable>> => {
		const { uid, generation, progress } = workload;
		const version = JSON.stringify([uid, generation, progress]);
		const known = pods.get(key);
		if (!again && known?.version === version && performance.now() - known.at < stale) return ok(known.view);
		const found = await podsOf(client, workload, Date.now());
		if (!found.ok) return found;
		// A pod that is starting tells more soon.
		const at = found.value?.newestPodStarting === true ? Number.NEGATIVE_INFINITY : performance.now();
		if (found.value === undefined) pods.delete(key);
		else pods.set(key, { view: found.value, version, at });
		return found;
	};
	return {
		check: async (key, workload, again) => {
			const observed = await observe(key, workload, again);
			if (!observed.ok) return observed.error;
			const view = observed.value;
			if (view === undefined) return { kind: 'nothing' };
			const { namespace, mount, hash, fetchers } = view.inputs;
			if (namespace !== vault.namespace || mount !== vault.mount) return OTHER_VAULT;
			await folders.load(
				fetchers.flatMap(({ tiers }) => tiers.map(({ folder }) => folder)),
				again,
			);
			const current = currentRevision(view.inputs, folders.get);
			if (current === undefined) return { kind: 'nothing' };
			return decide(workload, { ...view, inputs: hash, current, watchingSince });
		},
		forget: (key) => void pods.delete(key),
		readers: () => {
			const reads = [...pods].flatMap(([key, { view }]) =>
				view.inputs.fetchers.flatMap(({ tiers }) => tiers.map(({ folder }) => ({ folder, key }))),
			);
			const groups = Map.groupBy(reads, ({ folder }) => folder);
			return new Map([...groups].map(([folder, group]) => [folder, group.map(({ key }) => key)]));
		},
	};
}
