import { createHash } from 'node:crypto';
import { INJECTED } from '../../contract/names.ts';
import { neededKeys } from '../../contract/needed-keys.ts';
import { parseRevisionMessage } from '../../contract/refresh.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Tier, tierPath } from '../../contract/tiers.ts';
import { readSettings, type Settings } from '../../fetcher/settings.ts';
import { type Json, object, objects, text } from '../../lib/json.ts';

/** What one fetcher of a pod reads. */
export interface FetcherInputs {
	/** In merge order: a later tier overrides an earlier one. */
	readonly tiers: readonly { readonly tier: Tier; readonly folder: string }[];
	/** Whether a key of the tiers is read. */
	readonly reads: (key: string) => boolean;
}

/** What the pods of a workload read. */
export interface PodInputs {
	/** Equal if the pods read the same keys of the same tiers. */
	readonly hash: string;
	readonly namespace: string | undefined;
	readonly mount: string;
	readonly fetchers: readonly FetcherInputs[];
	/**
	 * False if the fetcher may take another version than the newest one, because it skips empty values, which
	 * the controller does not see.
	 */
	readonly comparable: boolean;
}

/** One pod of a workload. */
export interface PodFacts {
	readonly name: string;
	/** Milliseconds since 1970. */
	readonly createdAt: number;
	readonly ending: boolean;
	readonly inputs: Result<PodInputs>;
	/** What its fetchers read at their start; undefined while they run, and if one of them did not tell. */
	readonly revisions: readonly string[] | undefined;
}

const FETCHER = new RegExp(`^${INJECTED.container}(?:-[0-9]+)?$`);

/** Settings that decide which keys of which tiers a fetcher reads. Values of other settings do not matter. */
const DECIDING =
	/^ENVTIER_(?:VAULT_NAMESPACE|VAULT_KV_MOUNT|ORG|DEPLOYMENT|SERVICE|TIERS|REQUIRE|ENV_KEYS|FORMAT|EMPTY|KEYS(?:_[0-9]+)?|PREFIX(?:_[0-9]+)?|COMPOSE_.+)$/;

/** Decodes a pod. Undefined if it is not injected. */
export function podFactsOf(pod: Json): PodFacts | undefined {
	const metadata = object(pod['metadata']) ?? {};
	const fetchers = fetchersOf(pod);
	if (fetchers.length === 0) return undefined;
	const revisions = [...revisionsAtStart(pod).values()];
	return {
		name: text(metadata['name']) ?? '',
		createdAt: Date.parse(text(metadata['creationTimestamp']) ?? '') || 0,
		ending: metadata['deletionTimestamp'] !== undefined,
		inputs: inputsOf(fetchers),
		revisions: revisions.every((one) => one !== undefined) ? revisions : undefined,
	};
}

function fetchersOf(pod: Json): readonly Json[] {
	return objects(object(pod['spec'])?.['initContainers']).filter(({ name }) => FETCHER.test(String(name)));
}

/**
 * What each fetcher of a pod read at its start, by the name of its container, in the order of the pod.
 * Undefined while it runs, and if it did not tell.
 */
export function revisionsAtStart(pod: Json): ReadonlyMap<string, string | undefined> {
	const statuses = objects(object(pod['status'])?.['initContainerStatuses']);
	return new Map(
		fetchersOf(pod).map(({ name }) => [
			String(name),
			revisionIn(statuses.find((one) => one['name'] === name)),
		]),
	);
}

/** The revision in the termination message of a fetcher, also after a restart of the pod's containers. */
function revisionIn(status: Json | undefined): string | undefined {
	const terminated = object(object(status?.['state'])?.['terminated']);
	if (terminated === undefined || terminated['exitCode'] !== 0) return undefined;
	return parseRevisionMessage(text(terminated['message']) ?? '');
}

function inputsOf(fetchers: readonly Json[]): Result<PodInputs> {
	const hash = createHash('sha256');
	const parsed: Settings[] = [];
	for (const fetcher of fetchers) {
		const env = environmentOf(fetcher);
		const settings = readSettings(env);
		if (!settings.ok) return err(`its variables are not those of a fetcher: ${settings.error.join('; ')}`);
		parsed.push(settings.value);
		const deciding = Object.entries(env).filter(([name]) => DECIDING.test(name));
		const sealed = [...settings.value.sealed.keys()].sort();
		hash.update(JSON.stringify([deciding.sort(([a], [b]) => (a < b ? -1 : 1)), sealed]));
	}
	const [first] = parsed;
	if (first === undefined) return err('it has no fetcher');
	if (first.vault.kvVersion === 1) return err('it reads a KV engine of version 1, which has no versions');
	return ok({
		hash: hash.digest('hex').slice(0, 32),
		namespace: first.vault.namespace,
		mount: first.vault.kvMount,
		fetchers: parsed.map(fetcherInputs),
		comparable: parsed.every(({ empty }) => empty !== 'skip'),
	});
}

function fetcherInputs(settings: Settings): FetcherInputs {
	const { tiers, tierNames, sealed } = settings;
	const needed = neededKeys(settings);
	return {
		tiers: tiers.flatMap((tier) => {
			const folder = tierPath(tier, tierNames);
			return folder === undefined ? [] : [{ tier, folder }];
		}),
		// A sealed value replaces that of every tier.
		reads: (key) => needed(key) && !sealed.has(key),
	};
}

/** The variables of a container as its process sees them: the kubelet makes one `$` of `$$`. */
function environmentOf(container: Json): Readonly<Record<string, string>> {
	return Object.fromEntries(
		objects(container['env']).flatMap(({ name, value }) =>
			typeof name === 'string' && name.startsWith('ENVTIER_')
				? [[name, typeof value === 'string' ? value.replaceAll('$$', () => '$') : '']]
				: [],
		),
	);
}
