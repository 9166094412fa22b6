import { isKey } from '../../contract/keys.ts';
import type { Tier } from '../../contract/tiers.ts';
import { folderOf, type Kv, listPath, listRule, putCommand, readPath, readRule } from '../../fetcher/kv.ts';
import { areNamesRight, emptyPaths, emptyTiers, suspectName, tierOf } from '../../fetcher/tier-names.ts';
import type { VaultClient } from '../../lib/vault/client.ts';
import { bad, type Check, good, warn } from './check.ts';
import type { InjectedSettings } from './probe.ts';
import { unanswered } from './vault-checks.ts';

/** Maximum number of paths in one request. The rest usually has the same result. */
const MAX_PROBED_KEYS = 100;

/** A key that does not exist. A read of it shows whether reading is allowed, and returns no value. */
const NO_KEY = 'ENVTIER_DOCTOR_PROBE';

/** The results for one tier. */
interface TierFindings {
	readonly tier: Tier;
	readonly check: Check;
	/** True when it can be listed and read, and has no keys. */
	readonly empty: boolean;
}

/**
 * Checks whether a token may list and read the tiers, and whether the deployment has any secret. Reads no
 * secret.
 */
export async function tierChecks(
	vault: VaultClient,
	injected: InjectedSettings,
	token: string,
): Promise<readonly Check[]> {
	const { kv, tierNames, tiers } = injected;
	const found = await Promise.all(tiers.map((tier) => tierCheck(vault, injected, tier, token)));
	const empty = found.filter((one) => one.empty).map(({ tier }) => tier);
	const suspicion = suspectName(tiers, empty, tierNames);
	return found.map(({ tier, check }) =>
		suspicion === undefined || tier !== tiers.find((one) => one !== 'org')
			? check
			: warn(
					check.id,
					`${suspicion} Looked for at ${emptyPaths(empty, { kv, tierNames })}`,
					`correct the annotation, or store the first key: ${putCommand(kv, folderOf(tier, tierNames), 'KEY')}`,
				),
	);
}

async function tierCheck(
	vault: VaultClient,
	injected: InjectedSettings,
	tier: Tier,
	token: string,
): Promise<TierFindings> {
	const id = `tier-${tier}`;
	const { kv, tierNames } = injected;
	const folder = folderOf(tier, tierNames);
	const at = listPath(kv, folder);
	const found = (check: Check, empty = false): TierFindings => ({ tier, check, empty });
	const policy = (lines: readonly string[]): string =>
		`add to a policy of the role "${injected.role}": ${lines.join(' ')}`;
	const listed = await vault.list(at, token);
	if (!listed.ok) return found(unanswered(id, listed));
	if (listed.value.status === 403)
		return found(
			bad(
				id,
				`${tierOf(tier, tierNames)} cannot be listed at ${at}: ${areNamesRight([tier])}`,
				`if so, ${policy([listRule(kv, folder), readRule(kv, folder)])}`,
			),
		);
	if (listed.value.status !== 200 && listed.value.status !== 404)
		return found(
			bad(id, `listing the ${tier} tier at ${at} gives status ${listed.value.status}`, 'look at Vault’s log'),
		);
	const names = listed.value.status === 404 ? [] : namesIn(listed.value.json);
	const keys = names.filter(isKey);
	const unreadable = await unreadableOf(vault, kv, folder, keys, token);
	if (unreadable === undefined)
		return found(warn(id, `Vault does not say whether the ${tier} tier can be read`, 'try again'));
	if (unreadable > 0)
		return found(
			bad(
				id,
				`the ${tier} tier can be listed at ${at}, but ${readable(unreadable, keys.length)}`,
				policy([readRule(kv, folder)]),
			),
		);
	return found(namesCheck(id, tier, at, names), emptyTiers([{ tier, names }]).length > 0);
}

/** The check for a tier that can be listed and read. */
function namesCheck(id: string, tier: Tier, at: string, names: readonly string[]): Check {
	const keys = names.filter(isKey);
	const odd = names.filter((name) => !isKey(name) && !name.endsWith('/'));
	const found = keys.length === 0 ? 'is empty' : `has ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`;
	if (odd.length === 0) return good(id, `the ${tier} tier ${found}, and can be listed and read at ${at}`);
	return warn(
		id,
		`the ${tier} tier at ${at} ${found}, and ${odd.length} that no variable can be named for and no pod gets: ${odd
			.slice(0, 5)
			.map((name) => JSON.stringify(name))
			.join(', ')}`,
		'name them with letters, digits and "_" only',
	);
}

function readable(unreadable: number, all: number): string {
	return all === 0 ? 'not read' : `${unreadable} of its ${all} keys cannot be read`;
}

function namesIn(json: unknown): readonly string[] {
	const keys = (json as { data?: { keys?: unknown } } | undefined)?.data?.keys;
	return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
}

/** The number of keys that the token may not read, without reading one; undefined when Vault does not say. */
async function unreadableOf(
	vault: VaultClient,
	kv: Kv,
	folder: string,
	keys: readonly string[],
	token: string,
): Promise<number | undefined> {
	const paths = keys.slice(0, MAX_PROBED_KEYS).map((key) => readPath(kv, folder, key));
	if (paths.length > 0) {
		const answer = await vault.write('sys/capabilities-self', { paths }, token);
		if (answer.ok && answer.value.status === 200) {
			const all = answer.value.json as Readonly<Record<string, readonly string[] | undefined>>;
			return paths.filter((path) => !all[path]?.some((one) => one === 'read' || one === 'root')).length;
		}
	}
	const probed = await vault.read(readPath(kv, folder, NO_KEY), token);
	if (!probed.ok) return undefined;
	if (probed.value.status === 404) return 0;
	return probed.value.status === 403 ? Math.max(1, keys.length) : undefined;
}
