import { isUtf8 } from 'node:buffer';
import type { EmptyPolicy } from '../contract/empty.ts';
import {
	SEAL_SCOPES,
	type Sealed,
	type SealOwner,
	type SealScope,
	sealContext,
	sealKey,
} from '../contract/sealed.ts';
import { Failure } from './failure.ts';
import { enumerate } from './text.ts';
import type { Secret } from './tiers.ts';
import { EMPTY_CURE } from './unusable.ts';
import type { Decryption, Vault } from './vault.ts';

/** Input of a decryption. */
export interface DecryptContext {
	readonly vault: Vault;
	/** Mount of the transit engine. */
	readonly transit: string;
	readonly owner: SealOwner;
	readonly empty: EmptyPolicy;
	/** Creates the failure for a refused request. `rules` are the policy lines that would allow it. */
	readonly refused: (what: string, rules: readonly string[]) => Promise<Failure>;
}

/** The values sealed with one transit key, and Vault's result. */
interface DecryptedBatch {
	readonly scope: SealScope;
	readonly keys: readonly string[];
	readonly decryption: Decryption;
}

/** The owner of a scope's key, for messages. */
function ownerText(scope: SealScope, { namespace, deployment }: SealOwner): string {
	if (scope === 'cluster') return 'the cluster';
	return scope === 'namespace'
		? `namespace "${namespace}"`
		: `deployment "${deployment}" of namespace "${namespace}"`;
}

/** The meaning of an error of the transit engine. Completes the sentence "KEY …". */
function meaningOf(message: string, whose: string): string {
	if (/authentication failed|invalid ciphertext length/.test(message))
		return `does not open for ${whose}: it was sealed for another namespace, deployment or scope, or has been altered`;
	if (/version is too new|too old|not in the keyring/.test(message))
		return `was sealed for ${whose} with a version of the key that Vault does not have or has retired (${message})`;
	return `does not open for ${whose} (Vault: ${message})`;
}

/**
 * Decrypts the sealed values of a pod with its own token: one request for each scope, in parallel. The
 * failure names every value that is wrong.
 */
export async function decryptSealed(
	sealed: ReadonlyMap<string, Sealed>,
	{ vault, transit, owner, empty, refused }: DecryptContext,
): Promise<readonly Secret[]> {
	const groups = SEAL_SCOPES.map((scope) => ({
		scope,
		keys: [...sealed.keys()].filter((key) => sealed.get(key)?.scope === scope),
	})).filter(({ keys }) => keys.length > 0);
	const attempts = await Promise.all(
		groups.map(async ({ scope, keys }): Promise<DecryptedBatch> => {
			const context = Buffer.from(sealContext(scope, owner)).toString('base64');
			const batch = keys.map((key) => ({ ciphertext: sealed.get(key)?.ciphertext ?? '', context }));
			return {
				scope,
				keys,
				decryption: await vault.decrypt(`${transit}/decrypt/${sealKey(scope, owner)}`, batch),
			};
		}),
	);
	const refusals = attempts.filter(({ decryption }) => decryption.kind === 'refused');
	if (refusals.length > 0) {
		const names = refusals.map(
			({ scope, keys }) => `${enumerate(keys)} (sealed for ${ownerText(scope, owner)})`,
		);
		const rules = refusals.map(
			({ scope }) => `path "${transit}/decrypt/${sealKey(scope, owner)}" { capabilities = ["update"] }`,
		);
		throw await refused(`to open ${enumerate(names)}`, rules);
	}
	const results = attempts.flatMap((attempt) => resultsOf(attempt, transit, owner, empty));
	const wrong = results.flatMap((one) => ('wrong' in one ? [one.wrong] : []));
	if (wrong.length > 0) throw new Failure('not-opened', enumerate(wrong));
	const unfit = results.flatMap((one) => ('unfit' in one ? [one.unfit] : []));
	if (unfit.length > 0) throw new Failure('secret-unusable', enumerate(unfit));
	return results.flatMap((one) => ('secret' in one ? [one.secret] : []));
}

type OneResult = { readonly secret: Secret } | { readonly wrong: string } | { readonly unfit: string };

function resultsOf(
	{ scope, keys, decryption }: DecryptedBatch,
	transit: string,
	owner: SealOwner,
	empty: EmptyPolicy,
): readonly OneResult[] {
	const whose = ownerText(scope, owner);
	if (decryption.kind === 'absent')
		return [
			{
				wrong: `nothing was ever sealed for ${whose} in this Vault (no key "${sealKey(scope, owner)}" in "${transit}"), so ${enumerate(keys)} cannot be opened`,
			},
		];
	if (decryption.kind === 'refused') return [];
	return keys.flatMap((key, i): readonly OneResult[] => {
		const result = decryption.results[i];
		if (result === undefined || !result.ok)
			return [{ wrong: `${key} ${meaningOf(result?.error ?? 'nothing', whose)}` }];
		const bytes = Buffer.from(result.value, 'base64');
		if (bytes.length === 0 && empty === 'skip') return [];
		if (bytes.length === 0 && empty === 'refuse')
			return [{ unfit: `${key} (sealed) is empty: ${EMPTY_CURE}` }];
		if (!isUtf8(bytes)) return [{ unfit: `${key} (sealed) is not UTF-8 text` }];
		return [{ secret: { key, origin: 'sealed', value: bytes.toString() } }];
	});
}
