import type { EmptyPolicy } from '../contract/empty.ts';
import { type Scope, type Tier, VALUE_FIELD } from '../contract/tiers.ts';
import { correctSetting } from './advice.ts';
import { Failure } from './failure.ts';
import { fieldsOf, folderOf, type Kv, listPath, listRule, putCommand, readPath, readRule } from './kv.ts';
import type { Listing, Wanted } from './merge.ts';
import { mountProblem } from './mount-problem.ts';
import { explainReadRefusal, type Login } from './read-refusal.ts';
import { enumerate, quoted } from './text.ts';
import { areNamesRight, tierOf } from './tier-names.ts';
import { type Unusable, whyUnusable } from './unusable.ts';

/** Where a value comes from: a tier, or an annotation of the pod. */
export type Origin = Tier | 'sealed' | 'composed';

/** Where a secret comes from, for messages: finishes "KEY …". */
export function placeOf(origin: Origin | undefined): string {
	return origin === 'composed' || origin === 'sealed' ? `(${origin})` : `of the ${origin} tier`;
}

/** One key with the value that won. */
export interface Secret {
	readonly key: string;
	readonly origin: Origin;
	readonly value: string;
}

/** Where to read, and as whom. */
export interface Place extends Login {
	readonly kv: Kv;
	readonly scope: Scope;
	readonly empty: EmptyPolicy;
	/** Told each empty value that is skipped. */
	readonly onSkip: (key: string, tier: Tier) => void;
}

/** Reads on their way at one time: enough to fill a round trip, few enough not to look like a flood. */
const PARALLEL = 64;

/** What no list of a KV mount answers: the mount is another, or there is none. */
async function explainOddList({ vault, kv }: Place, thrown: unknown): Promise<unknown> {
	if (!(thrown instanceof Failure) || thrown.reason !== 'bad-answer' || thrown.heals) return thrown;
	const problem = await mountProblem(vault, kv);
	if (problem !== undefined || !/no handler for route/.test(thrown.message)) return problem ?? thrown;
	return new Failure('bad-answer', thrown.message, { cure: correctSetting('ENVTIER_VAULT_KV_MOUNT') });
}

/** Lists tiers at the same time. A tier that Vault has nothing of is empty. */
export async function listTiers(place: Place, tiers: readonly Tier[]): Promise<readonly Listing[]> {
	const { vault, kv, scope } = place;
	const list = async (tier: Tier) => ({ tier, found: await vault.list(listPath(kv, folderOf(tier, scope))) });
	const found = await Promise.all(tiers.map(list)).catch(async (thrown: unknown) => {
		throw await explainOddList(place, thrown);
	});
	const closed = found.filter((one) => one.found.kind === 'refused').map(({ tier }) => tier);
	if (closed.length > 0) {
		const problem = await mountProblem(vault, kv);
		if (problem !== undefined) throw problem;
		const folders = closed.map((tier) => folderOf(tier, scope));
		const names = closed.map(
			(tier, i) => `${tierOf(tier, scope)} at ${quoted(listPath(kv, folders[i] ?? ''))}`,
		);
		throw await explainReadRefusal(place, {
			what: `to list ${enumerate(names)}`,
			question: areNamesRight(closed),
			// Whoever lacks the one line lacks the other as a rule, and should not have to come back for it.
			rules: folders.flatMap((folder) => [listRule(kv, folder), readRule(kv, folder)]),
		});
	}
	return found.map(({ tier, found: names }) => ({ tier, names: names.kind === 'found' ? names.value : [] }));
}

/** What became of one key: its secret, nothing, a refusal, or something that is no text. */
type Outcome =
	| { readonly kind: 'secret'; readonly secret: Secret }
	| { readonly kind: 'gone' }
	| { readonly kind: 'refused'; readonly tier: Tier }
	| ({ readonly kind: 'unusable' } & Unusable);

async function readOne(place: Place, { key, tiers }: Wanted): Promise<Outcome> {
	const { vault, kv, scope, empty, onSkip } = place;
	for (const tier of tiers) {
		const path = readPath(kv, folderOf(tier, scope), key);
		const found = await vault.read(path).catch((thrown: unknown) => {
			if (!(thrown instanceof Failure) || thrown.path !== path) throw thrown;
			throw thrown.saying(`${key} of the ${tier} tier cannot be read: ${thrown.message}`);
		});
		if (found.kind === 'refused') return { kind: 'refused', tier };
		const fields = found.kind === 'absent' ? undefined : fieldsOf(kv, found.value);
		// Deleted, destroyed, or gone since it was listed: the tier below shows through.
		if (fields === undefined) continue;
		const value = fields[VALUE_FIELD];
		// Counts as missing as well.
		if (value === '' && empty === 'skip') {
			onSkip(key, tier);
			continue;
		}
		const why = whyUnusable(fields, empty);
		if (why === undefined) return { kind: 'secret', secret: { key, origin: tier, value: value as string } };
		const cure = why.cure ?? `store it again: ${putCommand(kv, folderOf(tier, scope), key)}`;
		return { kind: 'unusable', what: `${key} of the ${tier} tier ${why.what}`, cure };
	}
	return { kind: 'gone' };
}

/**
 * Reads keys, several at a time, each from the first of its tiers that still has it. A key that none has any more is left
 * out. Everything that is wrong is found out before it is told, so that it can be mended in one go.
 */
export async function readSecrets(place: Place, wanted: readonly Wanted[]): Promise<readonly Secret[]> {
	const outcomes = await inParallel(wanted, (one) => readOne(place, one));
	const closed = new Set(outcomes.flatMap((one) => (one.kind === 'refused' ? [one.tier] : [])));
	if (closed.size > 0) {
		const names = [...closed].map((tier) => tierOf(tier, place.scope));
		const rules = [...closed].map((tier) => readRule(place.kv, folderOf(tier, place.scope)));
		throw await explainReadRefusal(place, { what: `to read keys of ${enumerate(names)}`, rules });
	}
	const unfit = outcomes.flatMap((one) => (one.kind === 'unusable' ? [one] : []));
	if (unfit.length > 0) {
		const cures = [...new Set(unfit.map(({ cure }) => cure))];
		throw new Failure('secret-unusable', enumerate(unfit.map(({ what }) => what)), {
			cure: enumerate(cures, 3),
		});
	}
	return outcomes.flatMap((one) => (one.kind === 'secret' ? [one.secret] : []));
}

/** Like `Promise.all` over a map, with a bound, and with nothing new begun once one has failed. Keeps the order. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
	const results: R[] = [];
	const queue = items.entries();
	let failed = false;
	const worker = async (): Promise<void> => {
		for (const [index, item] of queue) {
			if (failed) return;
			try {
				results[index] = await work(item);
			} catch (thrown) {
				failed = true;
				throw thrown;
			}
		}
	};
	await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
	return results;
}
