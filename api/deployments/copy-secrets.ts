import { VALUE_FIELD } from '../../contract/tiers.ts';
import { mapAtMost } from '../concurrency.ts';
import { stampOfVersion } from '../secrets/identity.ts';
import { encodeTags, initialMetadata, NO_PREDECESSOR } from '../secrets/metadata.ts';
import { folderOf, pathOf, type SecretLocation, type SecretRef } from '../secrets/secret-location.ts';
import { liveSecrets, putNew, type SecretSummary } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import { locationsOf } from '../templates/templates.ts';
import { addToExpiryIndex } from '../typed/expiry-index.ts';
import { metadataOfCopy } from '../typed/metadata.ts';
import { type AttemptContext, UNDO_ACTION, type UndoSteps } from './attempt.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 8;

/** One secret of a template, and the secret of the deployment that it is copied to. */
export interface SecretCopy {
	readonly from: SecretSummary;
	readonly to: SecretRef;
}

/**
 * The result of one copy: `kept` if the deployment has the key, `gone` if the template's secret was deleted.
 */
export type CopyResult = 'copied' | 'kept' | 'gone';

const STATUS_OF: Readonly<Record<CopyResult, number>> = { copied: 201, kept: 409, gone: 404 };

/** The service of a secret; empty for a secret that all services share. */
export const serviceOf = (location: SecretLocation): string =>
	'service' in location ? (location.service ?? '') : '';

/** The location of a deployment's secrets, or of one of its services. */
export function deploymentLocation(deployment: string, service: string): SecretLocation {
	return service === '' ? { kind: 'deployment', deployment } : { kind: 'deployment', deployment, service };
}

/** The copies that bring a template's secrets to a deployment. */
export function copiesTo(deployment: string, secrets: readonly SecretSummary[]): readonly SecretCopy[] {
	return secrets.map((from) => ({
		from,
		to: { key: from.key, location: deploymentLocation(deployment, serviceOf(from.location)) },
	}));
}

/** Paths below a deployment that hold a live secret. A soft-deleted secret may be overwritten. */
export async function existingPaths(store: Store, deployment: string): Promise<ReadonlySet<string>> {
	const locations = await locationsOf(store, 'deployment', deployment);
	return new Set((await liveSecrets(store, locations, AT_ONCE)).map(({ ref }) => pathOf(ref)));
}

/**
 * Copies secrets and audits each copy separately. Returns a result for each. `removeCopies` undoes it.
 *
 * @param template the template's name, for the metadata of the copies
 */
export function copySecrets(
	store: Store,
	copies: readonly SecretCopy[],
	template: string,
	context: AttemptContext,
): Promise<readonly CopyResult[]> {
	return mapAtMost(AT_ONCE, copies, (copy) =>
		context.step(
			'deployments.create',
			{ scope: folderOf(copy.to.location), key: copy.to.key },
			() => copyOne(store, copy, template, context),
			(result) => STATUS_OF[result],
		),
	);
}

async function copyOne(
	store: Store,
	{ from, to }: SecretCopy,
	template: string,
	context: AttemptContext,
): Promise<CopyResult> {
	const value = (await store.read(pathOf(from)))?.[VALUE_FIELD];
	if (value === undefined || context.attempt.expired()) return 'gone';
	// Without a limit: whoever may create a deployment writes each key once.
	const rules = { overwritesPerHour: Number.POSITIVE_INFINITY, now: context.at };
	const written = await putNew(store, pathOf(to), value, rules);
	if (!written.ok) return 'kept';
	context.attempt.check();
	if (from.copied['ca_1'] !== null && from.copied['ca_1'] !== undefined) await addToExpiryIndex(store, to);
	await store.describe(pathOf(to), {
		...NO_PREDECESSOR,
		...initialMetadata(to, stampOfVersion(written.value), context),
		owner: context.subject,
		description: from.description || null,
		tags: encodeTags(from.tags),
		copied_from: template,
		copy: context.attempt.id,
		...metadataOfCopy(from.copied, written.value.number),
	});
	return 'copied';
}

/**
 * Undoes `copySecrets`: removes what this attempt wrote at `paths`, and nothing that another caller wrote
 * there.
 */
export async function removeCopies(
	store: Store,
	paths: readonly string[],
	context: UndoSteps,
): Promise<void> {
	// Two passes: a write whose response was lost may take effect during the first pass.
	for (let pass = 0; pass < 2; pass += 1)
		await mapAtMost(AT_ONCE, paths, (path) => removeCopy(store, path, context));
}

async function removeCopy(store: Store, path: string, { attempt, limit, step }: UndoSteps): Promise<void> {
	const head = await store.head(path);
	if (head === undefined || !head.live) return;
	const { copy, created_by: createdBy } = head.metadata;
	// Without metadata, the write succeeded and the description failed: the secret belongs to nobody yet.
	const undescribed = createdBy === undefined;
	if (copy !== attempt && !undescribed) return;
	limit.check();
	const end = path.lastIndexOf('/');
	const note = { scope: path.slice(0, end), key: path.slice(end + 1) };
	// The versions of a deleted predecessor stay.
	const undo = () => (head.version > 1 ? store.deleteVersion(path, head.version) : store.remove(path));
	await step(UNDO_ACTION, note, undo);
}
