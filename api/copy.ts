import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { z } from 'zod';
import { parseName } from '../contract/names.ts';
import { err, ok, type Result } from '../contract/result.ts';
import { VALUE_FIELD } from '../contract/tiers.ts';
import type { AuditSink } from './audit.ts';
import { type RecordStep, stepRecorder } from './audit-steps.ts';
import { mapAtMost } from './concurrency.ts';
import { folderOf, type Place, pathOf, type Spot } from './places.ts';
import { type Problem, refuse } from './problem.ts';
import {
	addToIndex,
	claim,
	complete,
	type Deployment,
	findDeployment,
	isAbandoned,
	isOccupied,
	markerOf,
	removeFromIndex,
} from './registry.ts';
import { type Deed, initialMetadata, type Known, newStamp, putNew, spotsIn } from './secrets.ts';
import type { Store } from './store/store.ts';
import { type Declared, missingOf, placesOf, type Template, templateSecrets } from './templates.ts';

/** A deployment that was made, and what became of the template's secrets. */
export interface Made {
	readonly deployment: Deployment;
	readonly copied: readonly Declared[];
	readonly kept: readonly Declared[];
	readonly missing: readonly Declared[];
}

/** Why a name is not given away: somebody registered it, or something lies below its path. */
export interface NameUnavailable {
	readonly unavailable: 'registered' | 'occupied';
}

/** What is to become a deployment. */
export interface NewDeployment {
	readonly deployment: Deployment;
	readonly template: Template | undefined;
	/** True when whatever lies below the path already is to belong to the deployment. */
	readonly adopt: boolean;
}

/** What undoes attempts that failed half-way. */
export interface Undoing {
	/** Takes over an attempt that could not be undone at once. */
	later(name: string): void;
	/** Undoes an attempt at this name now, if one was handed over; rejects when the store still fails. */
	settle(name: string): Promise<void>;
}

/** Who makes a deployment, and where each step of it is audited. */
export interface By extends Deed {
	readonly step: RecordStep;
	readonly requestId: string;
}

/** What is written down before the first secret is copied, so that whoever comes later can undo it. */
const JOURNAL = z.object({
	attempt: z.string(),
	/** Of the call, so that undoing it can be told by the same request id. */
	requestId: z.string().default(''),
	owner: z.string(),
	startedAt: z.string(),
	/** Paths at which nothing lived when the attempt began. */
	paths: z.array(z.string()),
});
type Journal = z.infer<typeof JOURNAL>;

const AT_ONCE = 8;
/** The action of the audit lines that tell what was taken back. */
const UNDO = 'deployments.undo';
/** "_" begins no template's name, so this is nobody's. */
const JOURNALS = 'templates/_journal';
const journalOf = (name: string): string => `${JOURNALS}/${name}`;
const BUSY = 'a deployment of that name is being made, or an attempt is being undone; try again in a moment';

/**
 * Registers a deployment and copies a template's secrets to it. It becomes its owner's in one last step; when anything fails before,
 * everything is taken back: by this call if the store answers, else by `undoing` when it does again.
 */
export async function createDeployment(
	store: Store,
	{ deployment, template, adopt }: NewDeployment,
	by: By,
	undoing: Undoing,
): Promise<Result<Made, Problem | NameUnavailable>> {
	const { name } = deployment;
	await undoing.settle(name);
	if ((await readJournal(store, name)) !== undefined) {
		await undoAbandoned(store, name, by.at, by.step);
		if ((await readJournal(store, name)) !== undefined) return refuse(409, BUSY);
	}
	const available = await checkAvailable(store, name, adopt);
	if (!available.ok) return available;
	const source = template === undefined ? [] : await templateSecrets(store, template.name);
	try {
		// Inside, for a claim whose answer was lost may be ours.
		const claimed = await claim(store, name, by.at);
		if (claimed.kind !== 'claimed')
			return claimed.kind === 'taken' ? err({ unavailable: 'registered' }) : refuse(409, BUSY);
		// Again, now that nobody else can register the name and write below it.
		const free = await checkFree(store, name, adopt);
		const made = free.ok
			? await fill(store, deployment, { template, source, stamp: claimed.stamp }, by)
			: free;
		if (!made.ok) await undo(store, name, undefined, by.step);
		// It is the owner's; only the journal is left, and goes as soon as the store answers, so that nobody takes it for unfinished.
		else if (template !== undefined && !(await forgotten(store, name))) undoing.later(name);
		return made;
	} catch (thrown) {
		// Here too the answer may have been lost on its way while the last step was done: then it stays.
		const state = await undo(store, name, undefined, by.step).catch(() => 'unknown');
		if (state === 'unknown') undoing.later(name);
		throw thrown;
	}
}

/** Whether a name can be given away. Both are asked always, so that the time of the answer does not tell the reasons apart. */
async function checkAvailable(
	store: Store,
	name: string,
	adopt: boolean,
): Promise<Result<void, NameUnavailable>> {
	const [registered, free] = await Promise.all([findDeployment(store, name), checkFree(store, name, adopt)]);
	return registered === undefined ? free : err({ unavailable: 'registered' });
}

async function checkFree(store: Store, name: string, adopt: boolean): Promise<Result<void, NameUnavailable>> {
	const occupied = await isOccupied(store, name);
	return occupied && !adopt ? err({ unavailable: 'occupied' }) : ok(undefined);
}

/** What goes into a claimed deployment. */
interface Filling {
	readonly template: Template | undefined;
	readonly source: readonly Known[];
	/** Of the claim. */
	readonly stamp: string;
}

async function fill(
	store: Store,
	deployment: Deployment,
	{ template, source, stamp }: Filling,
	by: By,
): Promise<Result<Made, Problem>> {
	const { name, owner } = deployment;
	const existing = await existingPaths(store, name);
	const plan = source.map((secret) => ({ secret, to: destination(secret, name) }));
	const fresh = plan.filter(({ to }) => !existing.has(pathOf(to)));
	const attempt = randomUUID();
	if (fresh.length > 0) {
		const paths = fresh.map(({ to }) => pathOf(to));
		const { requestId } = by;
		const journal: Journal = { attempt, requestId, owner, startedAt: by.at.toISOString(), paths };
		if ((await store.put(journalOf(name), { journal: JSON.stringify(journal) }, 0)) === 'conflict')
			return refuse(409, BUSY);
	}
	const outcomes = await mapAtMost(AT_ONCE, plan, ({ secret, to }) =>
		auditedCopy(store, secret, to, { ...by, attempt, template: template?.name ?? '' }),
	);
	await addToIndex(store, owner, 'deployments', name);
	// False: someone took the name back in the meantime, for this attempt took far too long.
	if (!(await complete(store, deployment, stamp))) return refuse(409, BUSY);
	const declared = ({ secret }: { secret: Known }): Declared => ({
		serviceName: serviceOf(secret.place),
		key: secret.key,
	});
	const there = new Set([...existing, ...plan.map(({ to }) => pathOf(to))]);
	return ok({
		deployment,
		copied: plan.filter((_, i) => outcomes[i] === 'copied').map(declared),
		kept: plan.filter((_, i) => outcomes[i] === 'kept').map(declared),
		missing:
			template === undefined
				? []
				: missingOf(template, (service, key) => there.has(pathOf({ key, place: placeIn(name, service) }))),
	});
}

const serviceOf = (place: Place): string => ('service' in place ? (place.service ?? '') : '');

function placeIn(deployment: string, service: string): Place {
	return service === '' ? { kind: 'deployment', deployment } : { kind: 'deployment', deployment, service };
}

function destination(secret: Spot, deployment: string): Spot {
	return { key: secret.key, place: placeIn(deployment, serviceOf(secret.place)) };
}

/** Paths where something was written before, by hand for instance. What is soft-deleted may be written over. */
async function existingPaths(store: Store, name: string): Promise<ReadonlySet<string>> {
	const places = await placesOf(store, 'deployment', name);
	const spots = (await mapAtMost(AT_ONCE, places, (place) => spotsIn(store, place))).flat();
	const live = await mapAtMost(
		AT_ONCE,
		spots,
		async (spot) => (await store.head(pathOf(spot)))?.live === true,
	);
	return new Set(spots.filter((_, i) => live[i]).map(pathOf));
}

/** What became of one secret of the template: `gone` if it was deleted meanwhile. */
type Outcome = 'copied' | 'kept' | 'gone';
type CopyBy = By & { readonly attempt: string; readonly template: string };

const STATUS_OF: Readonly<Record<Outcome, number>> = { copied: 201, kept: 409, gone: 404 };

function auditedCopy(store: Store, secret: Known, to: Spot, by: CopyBy): Promise<Outcome> {
	const note = { scope: folderOf(to.place), key: to.key };
	return by.step(
		'deployments.create',
		note,
		() => copyOne(store, secret, to, by),
		(outcome) => STATUS_OF[outcome],
	);
}

async function copyOne(store: Store, secret: Known, to: Spot, by: CopyBy): Promise<Outcome> {
	const value = (await store.read(pathOf(secret)))?.[VALUE_FIELD];
	if (value === undefined) return 'gone';
	if ((await putNew(store, pathOf(to), value)) === 'conflict') return 'kept';
	await store.describe(pathOf(to), {
		...initialMetadata(to, newStamp(), by),
		owner: by.subject,
		description: secret.description || null,
		updated_by: null,
		updated_at: null,
		copied_from: by.template,
		copy: by.attempt,
	});
	return 'copied';
}

/** Removes the journal of a finished attempt, if there is one; false when the store failed. */
async function forgotten(store: Store, name: string): Promise<boolean> {
	try {
		await store.remove(journalOf(name));
		return true;
	} catch {
		return false;
	}
}

async function readJournal(store: Store, name: string): Promise<Journal | undefined> {
	const text = (await store.read(journalOf(name)))?.['journal'];
	return text === undefined ? undefined : JOURNAL.parse(JSON.parse(text));
}

/**
 * Takes an attempt back, unless it became a deployment. The name is released first, so that a last step still under way finds nothing
 * to complete; the journal goes last, so that whoever is interrupted leaves enough for the next.
 *
 * @param known the journal, if it was read already
 */
async function undo(
	store: Store,
	name: string,
	known: Journal | undefined,
	step: RecordStep,
): Promise<'made' | 'undone'> {
	const journal = known ?? (await readJournal(store, name));
	if ((await findDeployment(store, name)) !== undefined) {
		if (journal !== undefined) await store.remove(journalOf(name));
		return 'made';
	}
	await step(UNDO, { scope: `deployments/${name}` }, () => store.remove(markerOf(name)));
	if (journal === undefined) return 'undone';
	// Twice: a write whose answer was lost may be done just now.
	for (let pass = 0; pass < 2; pass += 1)
		await mapAtMost(AT_ONCE, journal.paths, (path) => removeCopy(store, path, journal.attempt, step));
	await removeFromIndex(store, journal.owner, 'deployments', name);
	await store.remove(journalOf(name));
	return 'undone';
}

/** Removes what this attempt wrote, and nothing that someone else wrote there meanwhile. */
async function removeCopy(store: Store, path: string, attempt: string, step: RecordStep): Promise<void> {
	const head = await store.head(path);
	if (head === undefined || !head.live) return;
	const { copy, created_by: createdBy } = head.metadata;
	// Written, and not described before the failure: nobody's yet.
	const undescribed = createdBy === undefined;
	if (copy !== attempt && !undescribed) return;
	const end = path.lastIndexOf('/');
	const note = { scope: path.slice(0, end), key: path.slice(end + 1) };
	await step(UNDO, note, () => store.remove(path));
}

async function undoAbandoned(store: Store, name: string, now: Date, step: RecordStep): Promise<void> {
	const journal = await readJournal(store, name);
	if (journal !== undefined && isAbandoned(new Date(journal.startedAt), now))
		await undo(store, name, journal, step);
}

/** Keeps undoing what a failing store kept from being undone, and what processes that died left behind. */
export interface Recovery extends Undoing {
	stop(): void;
}

/** Starts looking after unfinished attempts: those handed over every `retry` milliseconds, abandoned ones every `sweep`. */
export function startRecovery(
	store: Store,
	log: Logger,
	{ retry, sweep, now, audit }: { retry: number; sweep: number; now: () => Date; audit: AuditSink },
): Recovery {
	const stepsOf = async (name: string): Promise<RecordStep> => {
		// The request that began it; a failed one that left no journal has no keys to tell of either.
		const requestId = (await readJournal(store, name))?.requestId || randomUUID();
		return stepRecorder(audit, now, () => ({ actor: 'envtier-api', via: 'system', requestId, ip: '' }));
	};
	/** What was handed over, with the undoing that is under way. */
	const pending = new Map<string, Promise<void> | undefined>();
	let busy = false;
	let swept = Number.NEGATIVE_INFINITY;
	const undoNow = async (name: string): Promise<void> => {
		try {
			const state = await undo(store, name, undefined, await stepsOf(name));
			pending.delete(name);
			const left = state === 'made' ? 'finished' : 'undone';
			log.info({ deployment: name }, `a deployment that failed half-way was ${left}`);
		} catch (thrown) {
			pending.set(name, undefined);
			throw thrown;
		}
	};
	const settle = async (name: string): Promise<void> => {
		if (!pending.has(name)) return;
		const under = pending.get(name) ?? undoNow(name);
		if (pending.has(name)) pending.set(name, under);
		await under;
	};
	const look = async (): Promise<void> => {
		for (const name of [...pending.keys()]) await settle(name);
		if (performance.now() < swept + sweep) return;
		const names = (await store.list(JOURNALS)).filter((name) => parseName(name).ok);
		for (const name of names) await undoAbandoned(store, name, now(), await stepsOf(name));
		swept = performance.now();
	};
	const tick = async (): Promise<void> => {
		if (busy) return;
		busy = true;
		try {
			await look();
		} catch (thrown) {
			log.warn({ problem: String(thrown), pending: pending.size }, 'undoing waits for the store');
		} finally {
			busy = false;
		}
	};
	const timer = setInterval(() => void tick(), retry).unref();
	void tick();
	return {
		later: (name) => void pending.set(name, undefined),
		settle,
		stop: () => clearInterval(timer),
	};
}
