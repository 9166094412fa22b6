import type { EmptyPolicy } from '../contract/empty.ts';
import { type Scope, type Tier, tierPath, VALUE_FIELD } from '../contract/tiers.ts';
import { Failure } from './failure.ts';
import { object } from './json.ts';
import { type Kv, listPath, listRule, readPath, readRule } from './kv.ts';
import type { Listing, Wanted } from './merge.ts';
import { enumerate, quoted } from './text.ts';
import type { Vault } from './vault.ts';

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

/** Where to read. */
export interface Place {
	readonly vault: Vault;
	readonly kv: Kv;
	readonly scope: Scope;
	readonly empty: EmptyPolicy;
	/** Told each empty value that is skipped. */
	readonly onSkip: (key: string, tier: Tier) => void;
	/** Vault namespace, for messages. */
	readonly namespace: string | undefined;
}

/** Reads on their way at one time: enough to fill a round trip, few enough not to look like a flood. */
const PARALLEL = 64;

/** Each tier here has been chosen because it has a path (settings). */
function folderOf(tier: Tier, scope: Scope): string {
	const folder = tierPath(tier, scope);
	if (folder === undefined) throw new TypeError(`tier ${tier} has no path`);
	return folder;
}

/** Vault gives the same 403 for a policy that is missing and for a token that is gone; whether the token is, it can be asked. */
export async function refused(
	place: Pick<Place, 'vault' | 'namespace'>,
	what: string,
	rules: readonly string[],
): Promise<Failure> {
	const { vault, namespace } = place;
	const known = (await vault.read('auth/token/lookup-self')).kind === 'found';
	const gone =
		'Vault does not know the token any more that it gave at the login: it was revoked, or Vault has lost its storage';
	const where = namespace === undefined ? '' : ` in the Vault namespace "${namespace}"`;
	const advice = `a policy of the role needs${where}: ${rules.join(' ')}`;
	const words = known ? advice : `${gone}; if it does, ${advice}`;
	return new Failure('read-refused', `Vault refuses ${what}; ${words}`);
}

/** Lists tiers at the same time. A tier that Vault has nothing of is empty. */
export async function listTiers(place: Place, tiers: readonly Tier[]): Promise<readonly Listing[]> {
	const { vault, kv, scope } = place;
	const found = await Promise.all(
		tiers.map(async (tier) => ({ tier, found: await vault.list(listPath(kv, folderOf(tier, scope))) })),
	);
	const closed = found.filter((one) => one.found.kind === 'refused').map(({ tier }) => tier);
	if (closed.length > 0) {
		const folders = closed.map((tier) => folderOf(tier, scope));
		const names = closed.map((tier, i) => `the ${tier} tier at ${quoted(listPath(kv, folders[i] ?? ''))}`);
		// Whoever lacks the one line lacks the other as a rule, and should not have to come back for it.
		const rules = folders.flatMap((folder) => [listRule(kv, folder), readRule(kv, folder)]);
		throw await refused(place, `to list ${enumerate(names)}`, rules);
	}
	return found.map(({ tier, found: names }) => ({ tier, names: names.kind === 'found' ? names.value : [] }));
}

/** What became of one key: its secret, nothing, a refusal, or something that is no text. */
type Outcome =
	| { readonly kind: 'secret'; readonly secret: Secret }
	| { readonly kind: 'gone' }
	| { readonly kind: 'refused'; readonly tier: Tier }
	| { readonly kind: 'unusable'; readonly sentence: string };

/** What to do about an empty value that is refused. */
export const EMPTY_CURE =
	'give it a value, or say in envtier.dev/empty what becomes of empty ones: "skip" or "keep"';

/** Why a value can't be handed over, or undefined when it can. */
function unusable(value: unknown, empty: EmptyPolicy): string | undefined {
	if (value === undefined || value === null) return `has no field "${VALUE_FIELD}"`;
	if (typeof value !== 'string') return `has no text in the field "${VALUE_FIELD}" but ${kindOf(value)}`;
	if (value === '')
		return empty === 'keep' ? undefined : `has an empty field "${VALUE_FIELD}": ${EMPTY_CURE}`;
	// Written as UTF-8 it would silently become another value.
	return value.isWellFormed() ? undefined : 'holds half of a surrogate pair, which no text can';
}

function kindOf(value: unknown): string {
	return Array.isArray(value) ? 'a list' : `a${typeof value === 'object' ? 'n object' : ` ${typeof value}`}`;
}

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
		const why = unusable(value, empty);
		if (why === undefined) return { kind: 'secret', secret: { key, origin: tier, value: value as string } };
		return { kind: 'unusable', sentence: `${key} of the ${tier} tier ${why}` };
	}
	return { kind: 'gone' };
}

/** KV v2 puts the fields a level deeper, and null in their place when the version is deleted. */
function fieldsOf({ version }: Kv, data: Readonly<Record<string, unknown>>) {
	return version === 2 ? object(data['data']) : data;
}

/**
 * Reads keys, several at a time, each from the first of its tiers that still has it. A key that none has any more is left
 * out. Everything that is wrong is found out before it is told, so that it can be mended in one go.
 */
export async function readSecrets(place: Place, wanted: readonly Wanted[]): Promise<readonly Secret[]> {
	const outcomes = await inParallel(wanted, (one) => readOne(place, one));
	const closed = new Set(outcomes.flatMap((one) => (one.kind === 'refused' ? [one.tier] : [])));
	if (closed.size > 0) {
		const names = [...closed].map((tier) => `the ${tier} tier`);
		const rules = [...closed].map((tier) => readRule(place.kv, folderOf(tier, place.scope)));
		throw await refused(place, `to read keys of ${enumerate(names)}`, rules);
	}
	const unfit = outcomes.flatMap((one) => (one.kind === 'unusable' ? [one.sentence] : []));
	if (unfit.length > 0) throw new Failure('secret-unusable', enumerate(unfit));
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
