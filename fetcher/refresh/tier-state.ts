import type { Tier } from '../../contract/tiers.ts';
import { type Json, object } from '../../lib/json.ts';
import { Failure } from '../failure.ts';
import { folderOf, listPath } from '../kv.ts';
import type { ReadContext } from '../tiers.ts';
import type { Lookup, Vault } from '../vault.ts';

/**
 * The versions of a tier as one text: equal if no key was added, written, deleted, undeleted or destroyed.
 * Undefined if one request does not show them. The sidecar then lists and reads the tier.
 */
export type TierState = string | undefined;

/** The state of a tier without a key. */
const EMPTY = '[]';

/** Maximum number of keys to compare. A larger tier is listed and read. */
const LARGEST = 2_000;

/** The state of a tier from `key_info` (OpenBao's documentation, "KV v2 API: list secrets with metadata"). */
function stateOf(info: Json, now: number): TierState {
	const keys = Object.keys(info).filter((key) => !key.endsWith('/'));
	if (keys.length > LARGEST) return undefined;
	const lines: string[] = [];
	for (const key of keys.sort()) {
		const entry = object(info[key]);
		const current = entry?.['current_version'];
		const version = object(object(entry?.['versions'])?.[String(current)]);
		if (version === undefined) return undefined;
		const { created_time: created, deletion_time: deletion, destroyed } = version;
		// A version with a deletion time in the future will disappear without a new version.
		if (typeof deletion === 'string' && Date.parse(deletion) > now) return undefined;
		lines.push(JSON.stringify([key, current, created, deletion, destroyed]));
	}
	return JSON.stringify(lines);
}

/** Milliseconds until a request that was refused is sent again: a policy may allow it meanwhile. */
const ASK_AGAIN = 3_600_000;

/** Asks for the states of tiers, and remembers where that is of no use. */
export interface TierStates {
	/**
	 * Requests the state of each tier, with one request each.
	 *
	 * @returns undefined on KV v1, and where server or policy do not allow the request or the answer is too
	 * long, now or within the last hour
	 */
	ask(context: ReadContext, tiers: readonly Tier[]): Promise<readonly TierState[] | undefined>;
	/**
	 * The tiers were read after `ask`: if it was refused, that was for its own sake, and is remembered. A
	 * policy that was taken away refuses the reads as well.
	 */
	wereRead(): void;
}

/** @param now milliseconds of a monotonic clock */
export function openTierStates(now: () => number): TierStates {
	let isRefused = false;
	let askAt = Number.NEGATIVE_INFINITY;
	return {
		ask: async (context, tiers) => {
			isRefused = false;
			if (context.kv.version !== 2 || now() < askAt) return undefined;
			const states = await Promise.all(tiers.map((tier) => stateIn(context, tier)));
			isRefused = states.includes('refused');
			return isRefused ? undefined : states.map((state) => (state === 'refused' ? undefined : state));
		},
		wereRead: () => {
			if (isRefused) askAt = now() + ASK_AGAIN;
		},
	};
}

/** Versions of a tier. Whoever may write metadata can make the answer longer than the client reads. */
async function detailsOf(vault: Vault, path: string): Promise<Lookup<Json>> {
	try {
		return await vault.listDetails(path);
	} catch (thrown) {
		const isFinal = thrown instanceof Failure && thrown.reason === 'bad-answer' && !thrown.retryable;
		if (!isFinal) throw thrown;
		return { kind: 'refused' };
	}
}

async function stateIn({ vault, kv, tierNames }: ReadContext, tier: Tier): Promise<TierState | 'refused'> {
	const folder = folderOf(tier, tierNames);
	const found = await detailsOf(vault, `${kv.mount}/detailed-metadata/${folder}`);
	if (found.kind === 'refused') return 'refused';
	if (found.kind === 'found') {
		const info = object(found.value['key_info']);
		return info === undefined ? undefined : stateOf(info, Date.now());
	}
	// A server without this request answers like an empty tier.
	const names = await vault.list(listPath(kv, folder));
	return names.kind === 'absent' ? EMPTY : 'refused';
}
