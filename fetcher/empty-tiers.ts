import type { Tier } from '../contract/tiers.ts';
import { Failure } from './failure.ts';
import { fieldsOf, folderOf, ownPath, putCommand } from './kv.ts';
import { mountProblem } from './mount-problem.ts';
import { enumerate, quoted } from './text.ts';
import { fieldsText, tierOf } from './tier-names.ts';
import type { ReadContext } from './tiers.ts';
import type { Vault } from './vault.ts';

/**
 * Finds the reason why tiers are empty. If all are empty, the mount may differ from the settings. If some are
 * empty, their keys may be the fields of one secret (see `explainFields`). Finds no reason if Vault does not
 * answer.
 *
 * @param all whether no tier has a secret
 * @throws Failure with the reason
 */
export async function explainEmptyTiers(
	context: ReadContext,
	empty: readonly Tier[],
	all: boolean,
): Promise<void> {
	const { vault, kv } = context;
	const problem = all && mayAsk(vault) ? await mountProblem(vault, kv) : undefined;
	if (problem !== undefined) throw problem;
	await explainFields(context, empty);
}

/**
 * Looks for keys that are the fields of one secret at the tier's own path, beside its folder (ADR 55).
 *
 * @throws Failure that names path and fields, if there is one
 */
export async function explainFields(context: ReadContext, tiers: readonly Tier[]): Promise<void> {
	const { vault, kv, tierNames } = context;
	if (!mayAsk(vault)) return;
	const tierFields = await Promise.all(
		tiers.map(async (tier) => {
			const secret = await vault.tryRead(ownPath(kv, folderOf(tier, tierNames)));
			const fields = secret.kind === 'found' ? fieldsOf(kv, secret.value) : undefined;
			return { tier, names: Object.keys(fields ?? {}) };
		}),
	);
	const single = tierFields.filter(({ names }) => names.length > 0);
	const [first] = single;
	if (first === undefined) return;
	const sentences = single.map(({ tier, names }) => {
		const path = quoted(ownPath(kv, folderOf(tier, tierNames)));
		return `${tierOf(tier, tierNames)} has one secret at ${path} with ${fieldsText(names)}`;
	});
	throw new Failure(
		'secret-unusable',
		`${enumerate(sentences)}, of which a pod gets nothing: each key must be a secret of its own`,
		{ cure: `for each key: ${putCommand(kv, folderOf(first.tier, tierNames), exampleKey(first.names))}` },
	);
}

/** False for a token with a limited number of uses: each request takes one, and the keys may need it. */
function mayAsk(vault: Vault): boolean {
	return vault.tokenUses().limit === 0;
}

function exampleKey(names: readonly string[]): string {
	return names.find((name) => /^[A-Za-z_][A-Za-z0-9_]{0,60}$/.test(name) && name !== 'value') ?? 'KEY';
}
