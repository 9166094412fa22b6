import type { Scope, Tier } from '../contract/tiers.ts';
import { Failure } from './failure.ts';
import { fieldsOf, folderOf, listPath, ownPath, putCommand } from './kv.ts';
import type { Listing } from './merge.ts';
import { mountProblem } from './mount.ts';
import { enumerate, quoted } from './text.ts';
import { areNamesRight, fieldsText, tierOf } from './tier-names.ts';
import type { Place } from './tiers.ts';

/** The tiers that hold no secret. Folders do not count. */
export function emptyTiers(listings: readonly Listing[]): readonly Tier[] {
	return listings.filter(({ names }) => names.every((name) => name.endsWith('/'))).map(({ tier }) => tier);
}

/**
 * The sentence about a deployment that has nothing at all, neither for itself nor for the service: its name is probably wrong. Undefined
 * where one of the two tiers has secrets, or where neither was listed.
 *
 * @param listed all tiers that were listed
 */
export function suspectName(
	listed: readonly Tier[],
	empty: readonly Tier[],
	scope: Scope,
): string | undefined {
	const own = listed.filter((tier) => tier !== 'org');
	if (own.length === 0 || own.some((tier) => !empty.includes(tier))) return undefined;
	const names = own.map((tier) => tierOf(tier, scope));
	return `${enumerate(names)} ${own.length === 1 ? 'is' : 'are'} empty: ${areNamesRight(own)}`;
}

/** Names the empty tiers and the paths that were listed. */
export function emptyPaths(empty: readonly Tier[], { kv, scope }: Pick<Place, 'kv' | 'scope'>): string {
	return enumerate(
		empty.map((tier) => `${tierOf(tier, scope)} at ${quoted(listPath(kv, folderOf(tier, scope)))}`),
	);
}

/**
 * Looks for the reason why tiers are empty: all of them because the mount is another than the settings say; one of them because its keys
 * are the fields of one secret at the tier's own path (ADR 73). What Vault does not tell is not taken for a reason.
 *
 * @throws Failure with the reason
 */
export async function explainEmptyTiers(place: Place, empty: readonly Tier[], all: boolean): Promise<void> {
	const { vault, kv, scope } = place;
	// Each question would take a use that the keys may need.
	if (vault.tokenUses().given > 0) return;
	if (all) {
		const problem = await mountProblem(vault, kv);
		if (problem !== undefined) throw problem;
	}
	const found = await Promise.all(
		empty.map(async (tier) => {
			const secret = await vault.look(ownPath(kv, folderOf(tier, scope)));
			const fields = secret.kind === 'found' ? fieldsOf(kv, secret.value) : undefined;
			return { tier, names: Object.keys(fields ?? {}) };
		}),
	);
	const single = found.filter(({ names }) => names.length > 0);
	const [first] = single;
	if (first === undefined) return;
	const sentences = single.map(({ tier, names }) => {
		const path = quoted(ownPath(kv, folderOf(tier, scope)));
		return `${tierOf(tier, scope)} is one secret at ${path} with ${fieldsText(names)}`;
	});
	throw new Failure(
		'secret-unusable',
		`${enumerate(sentences)}, of which a pod gets nothing: each key must be a secret of its own`,
		{ cure: `for each key: ${putCommand(kv, folderOf(first.tier, scope), exampleKey(first.names))}` },
	);
}

function exampleKey(names: readonly string[]): string {
	return names.find((name) => /^[A-Za-z_][A-Za-z0-9_]{0,60}$/.test(name) && name !== 'value') ?? 'KEY';
}
