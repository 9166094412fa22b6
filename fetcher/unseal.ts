import { isUtf8 } from 'node:buffer';
import type { EmptyPolicy } from '../contract/empty.ts';
import {
	SEAL_SCOPES,
	type Sealed,
	type SealPlace,
	type SealScope,
	sealContext,
	sealKey,
} from '../contract/sealed.ts';
import { Failure } from './failure.ts';
import { enumerate } from './text.ts';
import type { Secret } from './tiers.ts';
import { EMPTY_CURE } from './unusable.ts';
import type { Opened, Vault } from './vault.ts';

/** Where sealed values are opened, and for whom. */
export interface SealedPlace {
	readonly vault: Vault;
	/** Mount of the transit engine. */
	readonly transit: string;
	readonly place: SealPlace;
	readonly empty: EmptyPolicy;
	/** Makes the failure of a request that Vault refused: what was to be done, and the lines of a policy that allow it. */
	readonly refused: (what: string, rules: readonly string[]) => Promise<Failure>;
}

/** What was to be opened with one transit key, and what Vault said to it. */
interface Attempt {
	readonly scope: SealScope;
	readonly keys: readonly string[];
	readonly opened: Opened;
}

/** Whose values of a scope are, for messages. */
function owner(scope: SealScope, { namespace, deployment }: SealPlace): string {
	if (scope === 'cluster') return 'the cluster';
	return scope === 'namespace'
		? `namespace "${namespace}"`
		: `deployment "${deployment}" of namespace "${namespace}"`;
}

/** What Vault's transit engine says of a ciphertext, and what it means: finishes the sentence "KEY …". */
function meaningOf(said: string, whose: string): string {
	if (/authentication failed|invalid ciphertext length/.test(said))
		return `does not open for ${whose}: it was sealed for another namespace, deployment or scope, or has been altered`;
	if (/version is too new|too old|not in the keyring/.test(said))
		return `was sealed for ${whose} with a version of the key that Vault has not, or has retired (${said})`;
	return `does not open for ${whose} (Vault: ${said})`;
}

/**
 * Opens the sealed values of a pod with its own login, those of one scope in one request, all scopes at the same time. Everything that is wrong is
 * found out before it is told.
 */
export async function openSealed(
	sealed: ReadonlyMap<string, Sealed>,
	{ vault, transit, place, empty, refused }: SealedPlace,
): Promise<readonly Secret[]> {
	const groups = SEAL_SCOPES.map((scope) => ({
		scope,
		keys: [...sealed.keys()].filter((key) => sealed.get(key)?.scope === scope),
	})).filter(({ keys }) => keys.length > 0);
	const attempts = await Promise.all(
		groups.map(async ({ scope, keys }): Promise<Attempt> => {
			const context = Buffer.from(sealContext(scope, place)).toString('base64');
			const batch = keys.map((key) => ({ ciphertext: sealed.get(key)?.ciphertext ?? '', context }));
			return {
				scope,
				keys,
				opened: await vault.decrypt(`${transit}/decrypt/${sealKey(scope, place)}`, batch),
			};
		}),
	);
	const closed = attempts.filter(({ opened }) => opened.kind === 'refused');
	if (closed.length > 0) {
		const names = closed.map(({ scope, keys }) => `${enumerate(keys)} (sealed for ${owner(scope, place)})`);
		const rules = closed.map(
			({ scope }) => `path "${transit}/decrypt/${sealKey(scope, place)}" { capabilities = ["update"] }`,
		);
		throw await refused(`to open ${enumerate(names)}`, rules);
	}
	const results = attempts.flatMap((attempt) => resultsOf(attempt, transit, place, empty));
	const wrong = results.flatMap((one) => ('wrong' in one ? [one.wrong] : []));
	if (wrong.length > 0) throw new Failure('not-opened', enumerate(wrong));
	const unfit = results.flatMap((one) => ('unfit' in one ? [one.unfit] : []));
	if (unfit.length > 0) throw new Failure('secret-unusable', enumerate(unfit));
	return results.flatMap((one) => ('secret' in one ? [one.secret] : []));
}

type OneResult = { readonly secret: Secret } | { readonly wrong: string } | { readonly unfit: string };

function resultsOf(
	{ scope, keys, opened }: Attempt,
	transit: string,
	place: SealPlace,
	empty: EmptyPolicy,
): readonly OneResult[] {
	const whose = owner(scope, place);
	if (opened.kind === 'absent')
		return [
			{
				wrong: `nothing was ever sealed for ${whose} in this Vault (no key "${sealKey(scope, place)}" in "${transit}"), so ${enumerate(keys)} cannot be opened`,
			},
		];
	if (opened.kind === 'refused') return [];
	return keys.flatMap((key, i): readonly OneResult[] => {
		const result = opened.results[i];
		if (result === undefined || !result.ok)
			return [{ wrong: `${key} ${meaningOf(result?.error ?? 'nothing', whose)}` }];
		const bytes = Buffer.from(result.value, 'base64');
		if (bytes.length === 0 && empty === 'skip') return [];
		if (bytes.length === 0 && empty === 'refuse')
			return [{ unfit: `${key} (sealed) is empty: ${EMPTY_CURE}` }];
		if (!isUtf8(bytes)) return [{ unfit: `${key} (sealed) is no UTF-8 text` }];
		return [{ secret: { key, origin: 'sealed', value: bytes.toString() } }];
	});
}
