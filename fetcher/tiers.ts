import type { EmptyPolicy } from '../contract/empty.ts';
import { type Tier, type TierNames, VALUE_FIELD } from '../contract/tiers.ts';
import { correctSetting } from './advice.ts';
import { Failure } from './failure.ts';
import {
	fieldsOf,
	folderOf,
	type Kv,
	listPath,
	listRule,
	putCommand,
	readPath,
	readRule,
	versionOf,
} from './kv.ts';
import type { KeyTiers, Listing } from './merge.ts';
import { mountProblem } from './mount-problem.ts';
import { explainReadRefusal, type LoginContext } from './read-refusal.ts';
import { enumerate, quoted } from './text.ts';
import { areNamesRight, tierOf } from './tier-names.ts';
import { type Unusable, whyUnusable } from './unusable.ts';

/** The origin of a value: a tier, an annotation of the pod, or a secrets engine. */
export type Origin = Tier | 'sealed' | 'composed' | 'lease';

/** The origin for messages. Completes "KEY …". */
export function originText(origin: Origin | undefined): string {
	return origin === 'composed' || origin === 'sealed' || origin === 'lease'
		? `(${origin})`
		: `of the ${origin} tier`;
}

/** One key with its value after the merge. */
export interface Secret {
	readonly key: string;
	readonly origin: Origin;
	readonly value: string;
	/** Version and creation time in KV v2. */
	readonly version?: string;
}

/** The input of all reads. */
export interface ReadContext extends LoginContext {
	readonly kv: Kv;
	readonly tierNames: TierNames;
	readonly empty: EmptyPolicy;
	/** Called for each empty value that is skipped. */
	readonly onSkip: (key: string, tier: Tier) => void;
}

/**
 * Maximum number of reads in parallel. A server allows at least 100 streams on a connection (RFC 9113, 6.5.2
 * recommends it), so two connections are enough. Vault allows 250 on one.
 */
const PARALLEL = 200;
/**
 * The next reads start together when no more than this many are running. Requests that start together cost
 * Bun a quarter less CPU time than requests that start one by one (ADR 64).
 */
const REFILL = PARALLEL / 4;

/** Explains a list response that no KV mount sends: the mount is wrong or missing. */
async function explainOddList({ vault, kv }: ReadContext, thrown: unknown): Promise<unknown> {
	if (!(thrown instanceof Failure) || thrown.reason !== 'bad-answer' || thrown.retryable) return thrown;
	const problem = await mountProblem(vault, kv);
	if (problem !== undefined || !/no handler for route/.test(thrown.message)) return problem ?? thrown;
	return new Failure('bad-answer', thrown.message, { cure: correctSetting('ENVTIER_VAULT_KV_MOUNT') });
}

/** Lists tiers in parallel. A tier that does not exist is empty. */
export async function listTiers(context: ReadContext, tiers: readonly Tier[]): Promise<readonly Listing[]> {
	const { vault, kv, tierNames } = context;
	const list = async (tier: Tier) => ({
		tier,
		found: await vault.list(listPath(kv, folderOf(tier, tierNames))),
	});
	const found = await Promise.all(tiers.map(list)).catch(async (thrown: unknown) => {
		throw await explainOddList(context, thrown);
	});
	const refusedTiers = found.filter((one) => one.found.kind === 'refused').map(({ tier }) => tier);
	if (refusedTiers.length > 0) {
		const problem = await mountProblem(vault, kv);
		if (problem !== undefined) throw problem;
		const folders = refusedTiers.map((tier) => folderOf(tier, tierNames));
		const names = refusedTiers.map(
			(tier, i) => `${tierOf(tier, tierNames)} at ${quoted(listPath(kv, folders[i] ?? ''))}`,
		);
		throw await explainReadRefusal(context, {
			what: `to list ${enumerate(names)}`,
			question: areNamesRight(refusedTiers),
			// A policy without one of the lines usually lacks the other too, so the message contains both.
			rules: folders.flatMap((folder) => [listRule(kv, folder), readRule(kv, folder)]),
		});
	}
	return found.map(({ tier, found: names }) => ({ tier, names: names.kind === 'found' ? names.value : [] }));
}

/** The result for one key. */
type ReadResult =
	| { readonly kind: 'secret'; readonly secret: Secret }
	| { readonly kind: 'gone' }
	| { readonly kind: 'refused'; readonly tier: Tier }
	| ({ readonly kind: 'unusable' } & Unusable);

async function readOne(context: ReadContext, { key, tiers }: KeyTiers): Promise<ReadResult> {
	const { vault, kv, tierNames, empty, onSkip } = context;
	for (const tier of tiers) {
		const path = readPath(kv, folderOf(tier, tierNames), key);
		const found = await vault.read(path).catch((thrown: unknown) => {
			if (!(thrown instanceof Failure) || thrown.path !== path) throw thrown;
			throw thrown.withMessage(`${key} of the ${tier} tier cannot be read: ${thrown.message}`);
		});
		if (found.kind === 'refused') return { kind: 'refused', tier };
		const fields = found.kind === 'absent' ? undefined : fieldsOf(kv, found.value);
		// Deleted or destroyed, possibly after the list: the value of the next tier applies.
		if (found.kind === 'absent' || fields === undefined) continue;
		const value = fields[VALUE_FIELD];
		// An empty value counts as missing too.
		if (value === '' && empty === 'skip') {
			onSkip(key, tier);
			continue;
		}
		const why = whyUnusable(fields, empty);
		if (why === undefined)
			return {
				kind: 'secret',
				secret: { key, origin: tier, value: value as string, ...versionOf(kv, found.value) },
			};
		const cure = why.cure ?? `store it again: ${putCommand(kv, folderOf(tier, tierNames), key)}`;
		return { kind: 'unusable', what: `${key} of the ${tier} tier ${why.what}`, cure };
	}
	return { kind: 'gone' };
}

/**
 * Reads keys in parallel, each from the first of its tiers that still has it. Omits a key that no tier has
 * any longer. The failure names every key that is wrong.
 */
export async function readSecrets(
	context: ReadContext,
	wanted: readonly KeyTiers[],
): Promise<readonly Secret[]> {
	const outcomes = await inParallel(wanted, (one) => readOne(context, one));
	const refusedTiers = new Set(outcomes.flatMap((one) => (one.kind === 'refused' ? [one.tier] : [])));
	if (refusedTiers.size > 0) {
		const names = [...refusedTiers].map((tier) => tierOf(tier, context.tierNames));
		const rules = [...refusedTiers].map((tier) => readRule(context.kv, folderOf(tier, context.tierNames)));
		throw await explainReadRefusal(context, { what: `to read keys of ${enumerate(names)}`, rules });
	}
	const unusable = outcomes.flatMap((one) => (one.kind === 'unusable' ? [one] : []));
	if (unusable.length > 0) {
		const cures = [...new Set(unusable.map(({ cure }) => cure))];
		throw new Failure('secret-unusable', enumerate(unusable.map(({ what }) => what)), {
			cure: enumerate(cures, 3),
		});
	}
	return outcomes.flatMap((one) => (one.kind === 'secret' ? [one.secret] : []));
}

/**
 * Like `Promise.all` over a map, with a limit. Keeps the order. After a failure it starts nothing new and
 * rejects at once. Refills the limit in batches.
 */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
	const results: R[] = [];
	let running = 0;
	let failure: { readonly thrown: unknown } | undefined;
	let changed = (): void => undefined;
	const run = async (item: T, index: number): Promise<void> => {
		try {
			results[index] = await work(item);
		} catch (thrown) {
			failure ??= { thrown };
		}
		running -= 1;
		changed();
	};
	const atMost = (most: number): Promise<void> =>
		new Promise((resolve, reject) => {
			changed = () => {
				if (failure !== undefined) reject(failure.thrown);
				else if (running <= most) resolve();
			};
			changed();
		});
	for (const [index, item] of items.entries()) {
		if (running === PARALLEL) await atMost(REFILL);
		running += 1;
		run(item, index);
	}
	await atMost(0);
	return results;
}
