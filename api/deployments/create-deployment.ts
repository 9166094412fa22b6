import { ok, type Result } from '../../contract/result.ts';
import { NOT_YOUR_TEMPLATE, type Problem, refuse } from '../problem.ts';
import { pathOf } from '../secrets/secret-location.ts';
import type { SecretSummary } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import {
	type DeclaredSecret,
	isStillUsable,
	missingOf,
	type StoredTemplate,
	templateSecrets,
} from '../templates/templates.ts';
import type { Generators } from '../types/generators.ts';
import { type AttemptContext, refuseBusy } from './attempt.ts';
import { checkAvailable, claimName, type NameUnavailable } from './claim-name.ts';
import {
	type CopyResult,
	copiesTo,
	copySecrets,
	deploymentLocation,
	existingPaths,
	type SecretCopy,
	serviceOf,
} from './copy-secrets.ts';
import { type GeneratedSecret, generateSecrets, writeGenerated } from './generate-secrets.ts';
import { completeJournal, type Journal, openJournal, readJournal, removeJournal } from './journal.ts';
import type { UndoQueue } from './recovery.ts';
import { addToIndex, complete, type Deployment } from './registry.ts';
import { undo, undoAbandoned } from './undo.ts';

/** A deployment that was created, and what happened to the template's secrets. */
export interface CreatedDeployment {
	readonly deployment: Deployment;
	/** Keys with generated values. */
	readonly generated: readonly DeclaredSecret[];
	readonly copied: readonly DeclaredSecret[];
	readonly kept: readonly DeclaredSecret[];
	readonly missing: readonly DeclaredSecret[];
}

/** The deployment that a caller requests. */
export interface DeploymentRequest {
	readonly deployment: Deployment;
	readonly template: StoredTemplate | undefined;
	/** True when the deployment gets copies of the template's values. */
	readonly copiesValues: boolean;
	/** True when the deployment takes over what exists below its path. */
	readonly adopt: boolean;
	readonly generators: Generators;
}

/**
 * Registers a deployment and copies a template's secrets to it. This is a saga: each step has an undo beside
 * it, and only the last step makes the deployment visible to its owner. When a step fails, `undo` runs the
 * undos: in this call if the store answers, else later from the undo queue, or in another process. The caller
 * starts the attempt together with its call, so that the time limit includes everything before the first
 * step.
 *
 * | step                              | undo              |
 * | --------------------------------- | ----------------- |
 * | `openJournal`, `completeJournal`  | `removeJournal`   |
 * | `claimName`                       | `releaseName`     |
 * | `copySecrets`, `writeGenerated`   | `removeCopies`    |
 * | `addToIndex`                      | `removeFromIndex` |
 * | `complete`                        | none: the last    |
 */
export async function createDeployment(
	store: Store,
	request: DeploymentRequest,
	context: AttemptContext,
	undoQueue: UndoQueue,
): Promise<Result<CreatedDeployment, Problem | NameUnavailable>> {
	const { template, adopt } = request;
	const { name } = request.deployment;
	const { attempt, step } = context;
	await undoQueue.settle(name);
	if (!(await isIdle(store, name, context))) return refuseBusy();
	const available = await checkAvailable(store, { name, adopt });
	if (!available.ok) return available;
	const secrets = template === undefined ? [] : await templateSecrets(store, template.name);
	if (attempt.expired()) return refuseBusy();
	const undoAttempt = async (): Promise<void> => {
		const undone = undo(store, name, attempt.id, { by: attempt.id, now: attempt.now, step });
		if ((await undone.catch(() => 'locked')) === 'locked') undoQueue.add(name, attempt.id);
	};
	try {
		const created = await runSteps(store, request, secrets, context);
		if (!created.ok) await undoAttempt();
		// The deployment exists. Remove its journal, so that no process treats it as an unfinished attempt.
		else if (!(await tryRemoveJournal(store, name))) undoQueue.add(name, attempt.id);
		return created;
	} catch (thrown) {
		// If the response to the last step was lost, `undo` finds the deployment registered and keeps it.
		await undoAttempt();
		throw thrown;
	}
}

/** True when no other attempt has a journal of that name. An abandoned attempt is undone first. */
async function isIdle(store: Store, name: string, { attempt, step }: AttemptContext): Promise<boolean> {
	if ((await readJournal(store, name)) === undefined) return true;
	await undoAbandoned(store, name, attempt.now, step);
	return (await readJournal(store, name)) === undefined;
}

/** Runs the steps in order. If one fails, the caller undoes them. */
async function runSteps(
	store: Store,
	request: DeploymentRequest,
	secrets: readonly SecretSummary[],
	context: AttemptContext,
): Promise<Result<CreatedDeployment, Problem | NameUnavailable>> {
	const { deployment, template, adopt } = request;
	const { name, owner, org } = deployment;
	// The journal comes first: only the attempt that wrote it may claim the name.
	const journal = newJournal(owner, context);
	if (!(await openJournal(store, name, journal))) return refuseBusy();

	context.attempt.check();
	const claimed = await claimName(store, { name, adopt }, context.at);
	if (!claimed.ok) return claimed;

	// The journal names every path before the first write, so that an undo knows what to remove.
	const existing = await existingPaths(store, name);
	const generated = await generatedFor(request, existing, context.at);
	const generatedPaths = new Set(generated.flatMap(({ keys }) => keys).map(({ ref }) => pathOf(ref)));
	const wanted = copiesTo(name, secrets).filter(({ to }) => !generatedPaths.has(pathOf(to)));
	const copies = request.copiesValues ? wanted : [];
	const copiedPaths = copies.map(({ to }) => pathOf(to)).filter((path) => !existing.has(path));
	const paths = [...generatedPaths, ...copiedPaths];
	context.attempt.check();
	if (!(await completeJournal(store, name, { ...journal, claim: claimed.value, paths }))) return refuseBusy();

	const results = await copySecrets(store, copies, template?.name ?? '', context);
	const written = await writeGenerated(store, generated, context);
	if (!written.ok) return written;
	// The values were read by name. The template may have been replaced meanwhile, or no longer be shared.
	if (template !== undefined && !(await isStillUsable(store, template, { subject: owner, org })))
		return refuse(403, NOT_YOUR_TEMPLATE);

	context.attempt.check();
	await addToIndex(store, owner, 'deployments', name);

	// An attempt that is too slow stops: another process may be undoing it.
	if (!(await complete(store, deployment, claimed.value, context.attempt))) return refuseBusy();
	const withheld = request.copiesValues ? [] : wanted.filter(({ to }) => !existing.has(pathOf(to)));
	return ok(summaryOf(request, { existing, generated, copies, results, withheld }));
}

function newJournal(owner: string, { attempt, requestId, at }: AttemptContext): Journal {
	return { attempt: attempt.id, requestId, owner, startedAt: at.toISOString(), paths: [] };
}

/** The secrets of a new deployment. */
interface DeploymentSecrets {
	/** Paths that held a live secret before. */
	readonly existing: ReadonlySet<string>;
	readonly generated: readonly GeneratedSecret[];
	readonly copies: readonly SecretCopy[];
	/** The result of each copy. */
	readonly results: readonly CopyResult[];
	/** The secrets of the template whose values the caller may not get. */
	readonly withheld: readonly SecretCopy[];
}

/** The secrets to generate: those of the template, unless the deployment has one of their keys already. */
async function generatedFor(
	{ deployment: { name }, template, generators }: DeploymentRequest,
	existing: ReadonlySet<string>,
	now: Date,
): Promise<readonly GeneratedSecret[]> {
	if (template === undefined) return [];
	const all = await generateSecrets(name, template, generators, now);
	return all.filter(({ keys }) => !keys.some(({ ref }) => existing.has(pathOf(ref))));
}

function summaryOf(
	{ deployment, template }: DeploymentRequest,
	{ existing, generated, copies, results, withheld }: DeploymentSecrets,
): CreatedDeployment {
	const nameOf = ({ from }: SecretCopy): DeclaredSecret => ({
		serviceName: serviceOf(from.location),
		key: from.key,
	});
	const withResult = (result: CopyResult): readonly DeclaredSecret[] =>
		copies.filter((_, i) => results[i] === result).map(nameOf);
	const made = generated.flatMap(({ serviceName, keys }) => keys.map(({ ref }) => ({ serviceName, ref })));
	const paths = new Set([
		...existing,
		...copies.map(({ to }) => pathOf(to)),
		...made.map(({ ref }) => pathOf(ref)),
	]);
	const has = (service: string, key: string): boolean =>
		paths.has(pathOf({ key, location: deploymentLocation(deployment.name, service) }));
	const missing = template === undefined ? [] : missingOf(template, has);
	return {
		deployment,
		generated: made.map(({ serviceName, ref }) => ({ serviceName, key: ref.key })),
		copied: withResult('copied'),
		kept: withResult('kept'),
		missing: [...missing, ...beyond(missing, withheld.map(nameOf))],
	};
}

/** The withheld secrets that `missing` does not have: no service declares them, or they are optional. */
function beyond(
	missing: readonly DeclaredSecret[],
	withheld: readonly DeclaredSecret[],
): readonly DeclaredSecret[] {
	return withheld.filter(
		({ serviceName, key }) =>
			!missing.some((one) => one.key === key && (serviceName === '' || one.serviceName === serviceName)),
	);
}

/** Removes the journal of a finished attempt; false when the store failed. */
async function tryRemoveJournal(store: Store, name: string): Promise<boolean> {
	try {
		await removeJournal(store, name);
		return true;
	} catch {
		return false;
	}
}
