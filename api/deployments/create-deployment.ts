import { randomUUID } from 'node:crypto';
import { err, ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import type { RecordStep } from '../audit/steps.ts';
import { mapAtMost } from '../concurrency.ts';
import { NOT_YOUR_TEMPLATE, type Problem, refuse } from '../problem.ts';
import { folderOf, pathOf, type SecretLocation, type SecretRef } from '../secrets/secret-location.ts';
import {
	type AuditStamp,
	initialMetadata,
	newStamp,
	putNew,
	refsIn,
	type SecretSummary,
} from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import {
	type DeclaredSecret,
	isStillUsable,
	locationsOf,
	missingOf,
	type StoredTemplate,
	templateSecrets,
} from '../templates/templates.ts';
import { completeJournal, type Journal, openJournal, readJournal, removeJournal } from './journal.ts';
import type { UndoQueue } from './recovery.ts';
import { addToIndex, claim, complete, type Deployment, findDeployment, isOccupied } from './registry.ts';
import { undo, undoAbandoned } from './undo.ts';

/** A deployment that was made, and what became of the template's secrets. */
export interface CreatedDeployment {
	readonly deployment: Deployment;
	readonly copied: readonly DeclaredSecret[];
	readonly kept: readonly DeclaredSecret[];
	readonly missing: readonly DeclaredSecret[];
}

/** Why a name is not given away: somebody registered it, or something lies below its path. */
export interface NameUnavailable {
	readonly unavailable: 'registered' | 'occupied';
}

/** What is to become a deployment. */
export interface DeploymentRequest {
	readonly deployment: Deployment;
	readonly template: StoredTemplate | undefined;
	/** True when whatever lies below the path already is to belong to the deployment. */
	readonly adopt: boolean;
}

/** Who makes a deployment, and where each step of it is audited. */
export interface By extends AuditStamp {
	readonly step: RecordStep;
	readonly requestId: string;
}

const AT_ONCE = 8;
const BUSY = 'a deployment of that name is being made, or an attempt is being undone; try again in a moment';

/**
 * Registers a deployment and copies a template's secrets to it. It becomes its owner's in one last step; when anything fails before,
 * everything is taken back: by this call if the store answers, else by the undo queue when it does again.
 */
export async function createDeployment(
	store: Store,
	{ deployment, template, adopt }: DeploymentRequest,
	by: By,
	undoQueue: UndoQueue,
): Promise<Result<CreatedDeployment, Problem | NameUnavailable>> {
	const { name } = deployment;
	await undoQueue.settle(name);
	if (!(await isIdle(store, name, by))) return refuse(409, BUSY);
	const available = await checkAvailable(store, name, adopt);
	if (!available.ok) return available;
	const source = template === undefined ? [] : await templateSecrets(store, template.name);
	const attempt = startAttempt();
	const takeBack = async (): Promise<void> => {
		const undone = undo(store, name, attempt.id, { by: attempt.id, now: by.at, step: by.step });
		if ((await undone.catch(() => 'locked')) === 'locked') undoQueue.add(name, attempt.id);
	};
	try {
		const made = await make(store, { deployment, template, adopt }, source, { ...by, attempt });
		if (!made.ok) await takeBack();
		// It is the owner's; only the journal is left, and goes as soon as the store answers, so that nobody takes it for unfinished.
		else if (!(await forgotten(store, name))) undoQueue.add(name, attempt.id);
		return made;
	} catch (thrown) {
		// The answer may have been lost on its way while the last step was done: then it stays.
		await takeBack();
		throw thrown;
	}
}

/** One attempt. What others take over after a while, it must have given up by then. */
interface Attempt {
	readonly id: string;
	readonly expired: () => boolean;
}

/** Milliseconds after which an attempt gives up. Requests that are under way then end before anybody takes it over. */
const ATTEMPT_TIME = 60_000;

function startAttempt(): Attempt {
	const started = { wall: Date.now(), steady: performance.now() };
	// The steady clock stands still while a machine is suspended, and the other one may be set back.
	const elapsed = () => Math.max(Date.now() - started.wall, performance.now() - started.steady);
	return { id: randomUUID(), expired: () => elapsed() > ATTEMPT_TIME };
}

/** True when nobody makes or undoes a deployment of that name; one that was abandoned is undone first. */
async function isIdle(store: Store, name: string, { at, step }: By): Promise<boolean> {
	if ((await readJournal(store, name)) === undefined) return true;
	await undoAbandoned(store, name, at, step);
	return (await readJournal(store, name)) === undefined;
}

type AttemptBy = By & { readonly attempt: Attempt };

/** The journal comes first: whoever has written it alone may take the name, and undo what this attempt did. */
async function make(
	store: Store,
	{ deployment, template, adopt }: DeploymentRequest,
	source: readonly SecretSummary[],
	by: AttemptBy,
): Promise<Result<CreatedDeployment, Problem | NameUnavailable>> {
	const { name, owner } = deployment;
	const { requestId, at, attempt } = by;
	const journal = { attempt: attempt.id, requestId, owner, startedAt: at.toISOString(), paths: [] };
	if (!(await openJournal(store, name, journal))) return refuse(409, BUSY);
	const claimed = await claim(store, name, at);
	if (claimed.kind !== 'claimed')
		return claimed.kind === 'taken' ? err({ unavailable: 'registered' }) : refuse(409, BUSY);
	// Again, now that nobody else can register the name and write below it.
	const free = await checkFree(store, name, adopt);
	if (!free.ok) return free;
	return await fill(store, deployment, { template, source, journal, stamp: claimed.stamp }, by);
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
	readonly template: StoredTemplate | undefined;
	readonly source: readonly SecretSummary[];
	readonly journal: Journal;
	/** Of the claim. */
	readonly stamp: string;
}

async function fill(
	store: Store,
	deployment: Deployment,
	{ template, source, journal, stamp }: Filling,
	by: AttemptBy,
): Promise<Result<CreatedDeployment, Problem>> {
	const { name, owner } = deployment;
	const existing = await existingPaths(store, name);
	const plan = source.map((secret) => ({ secret, to: destination(secret, name) }));
	const fresh = plan.filter(({ to }) => !existing.has(pathOf(to)));
	const paths = fresh.map(({ to }) => pathOf(to));
	if (!(await completeJournal(store, name, { ...journal, claim: stamp, paths }))) return refuse(409, BUSY);
	const outcomes = await mapAtMost(AT_ONCE, plan, ({ secret, to }) =>
		auditedCopy(store, secret, to, { ...by, template: template?.name ?? '' }),
	);
	// Its values were read by name: they may be another template's by now, or no longer for this caller.
	const viewer = { subject: owner, org: deployment.org };
	if (template !== undefined && !(await isStillUsable(store, template, viewer)))
		return refuse(403, NOT_YOUR_TEMPLATE);
	await addToIndex(store, owner, 'deployments', name);
	// Far too slow: someone else may take the name back, or has done it.
	if (by.attempt.expired() || !(await complete(store, deployment, stamp))) return refuse(409, BUSY);
	const declared = ({ secret }: { secret: SecretSummary }): DeclaredSecret => ({
		serviceName: serviceOf(secret.location),
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
				: missingOf(template, (service, key) =>
						there.has(pathOf({ key, location: deploymentLocation(name, service) })),
					),
	});
}

const serviceOf = (location: SecretLocation): string =>
	'service' in location ? (location.service ?? '') : '';

function deploymentLocation(deployment: string, service: string): SecretLocation {
	return service === '' ? { kind: 'deployment', deployment } : { kind: 'deployment', deployment, service };
}

function destination(secret: SecretRef, deployment: string): SecretRef {
	return { key: secret.key, location: deploymentLocation(deployment, serviceOf(secret.location)) };
}

/** Paths where something was written before, by hand for instance. What is soft-deleted may be written over. */
async function existingPaths(store: Store, name: string): Promise<ReadonlySet<string>> {
	const locations = await locationsOf(store, 'deployment', name);
	const refs = (await mapAtMost(AT_ONCE, locations, (location) => refsIn(store, location))).flat();
	const live = await mapAtMost(AT_ONCE, refs, async (ref) => (await store.head(pathOf(ref)))?.live === true);
	return new Set(refs.filter((_, i) => live[i]).map(pathOf));
}

/** What became of one secret of the template: `gone` if it was deleted meanwhile. */
type Outcome = 'copied' | 'kept' | 'gone';
type CopyBy = AttemptBy & { readonly template: string };

const STATUS_OF: Readonly<Record<Outcome, number>> = { copied: 201, kept: 409, gone: 404 };

function auditedCopy(store: Store, secret: SecretSummary, to: SecretRef, by: CopyBy): Promise<Outcome> {
	const note = { scope: folderOf(to.location), key: to.key };
	return by.step(
		'deployments.create',
		note,
		() => copyOne(store, secret, to, by),
		(outcome) => STATUS_OF[outcome],
	);
}

async function copyOne(store: Store, secret: SecretSummary, to: SecretRef, by: CopyBy): Promise<Outcome> {
	const value = (await store.read(pathOf(secret)))?.[VALUE_FIELD];
	if (value === undefined || by.attempt.expired()) return 'gone';
	if ((await putNew(store, pathOf(to), value)) === 'conflict') return 'kept';
	await store.describe(pathOf(to), {
		...initialMetadata(to, newStamp(), by),
		owner: by.subject,
		description: secret.description || null,
		updated_by: null,
		updated_at: null,
		copied_from: by.template,
		copy: by.attempt.id,
	});
	return 'copied';
}

/** Removes the journal of a finished attempt; false when the store failed. */
async function forgotten(store: Store, name: string): Promise<boolean> {
	try {
		await removeJournal(store, name);
		return true;
	} catch {
		return false;
	}
}
