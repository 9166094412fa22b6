import { type Tier, type TierNames, tierPath } from '../../../contract/tiers.ts';
import { call } from '../../../test/support/http.ts';
import type { DevVault } from '../../vault/start.ts';

/** The tiers that hold a key, in merge order. */
export type Holders = ReadonlyMap<string, readonly Tier[]>;

/** Reads the tiers with the root token: the tiers that have each key, overridden or not. Names only. */
export async function holdersOf(vault: DevVault, scope: TierNames, tiers: readonly Tier[]): Promise<Holders> {
	const holders = new Map<string, Tier[]>();
	for (const tier of tiers) {
		for (const key of await list(vault, `secret/metadata/${tierPath(tier, scope)}`))
			holders.set(key, [...(holders.get(key) ?? []), tier]);
	}
	return holders;
}

async function list(vault: DevVault, path: string): Promise<readonly string[]> {
	const { status, json, text } = await call({
		url: `${vault.addr}/v1/${path}?list=true`,
		headers: { 'x-vault-token': vault.rootToken },
		caPem: vault.caPem,
	});
	if (status === 404) return [];
	if (status !== 200) throw new Error(`the development Vault answered ${status}: ${text.trim()}`);
	return (json as { data: { keys: string[] } }).data.keys;
}

/** The requests to Vault, counted by kind: `1 login, 3 lists, 6 reads, 1 revocation`. */
export function requestsInWords(requests: DevVault['requests']): string {
	const counts = new Map<string, number>();
	for (const { path, operation } of requests) {
		const what = WORDS.find(([pattern]) => pattern.test(path))?.[1] ?? operation;
		counts.set(what, (counts.get(what) ?? 0) + 1);
	}
	return [...counts].map(([what, count]) => `${count} ${what}${count === 1 ? '' : 's'}`).join(', ');
}

const WORDS: readonly (readonly [RegExp, string])[] = [
	[/^auth\/.*\/login$/, 'login'],
	[/revoke-self$/, 'revocation'],
];
