import { ok, type Result } from '../../contract/result.ts';
import { VALUE_FIELD } from '../../contract/tiers.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import type { Store } from '../store/store.ts';
import type { MetadataPatch } from '../typed/metadata.ts';
import { checkRotatable, type RotationRequest, rotationOf, rotationPatch } from '../typed/rotation.ts';
import { indexed } from '../typed/rotation-index.ts';
import { membershipOf } from '../typed/typed-secret.ts';
import { isSameSecret, withOwnMetadata } from './identity.ts';
import { type AuditStamp, encodeTags } from './metadata.ts';
import { checkOverwrites } from './overwrites.ts';
import { pathOf, type StampedSecretRef } from './secret-location.ts';
import type { WriteRules } from './secrets.ts';

/** A change of what is known about a secret. Undefined leaves a field as it is. */
export interface DescriptionChange {
	readonly description?: string | undefined;
	readonly tags?: readonly string[] | undefined;
}

/** The metadata that a change writes. */
export function metadataPatch(
	{ description, tags }: DescriptionChange,
	{ subject, at }: AuditStamp,
): MetadataPatch {
	return {
		...(description === undefined ? {} : { description: description || null }),
		...(tags === undefined ? {} : { tags: encodeTags(tags) }),
		updated_by: subject,
		updated_at: at.toISOString(),
	};
}

/**
 * Changes a secret's value, and what is known about it. A secret that is deleted meanwhile stays deleted. One
 * that was created later at the same path keeps its value.
 */
export async function updateSecret(
	store: Store,
	ref: StampedSecretRef,
	{ value, ...change }: { readonly value: string } & DescriptionChange,
	auditStamp: AuditStamp,
	{ overwritesPerHour }: WriteRules,
): Promise<Result<void, Problem>> {
	const path = pathOf(ref);
	// The loop ends: each conflict means that another call has succeeded.
	for (;;) {
		const head = await store.head(path);
		if (!isSameSecret(ref, head) || !head.live) return refuse(404, NO_SUCH_SECRET);
		const limited = checkOverwrites(head, overwritesPerHour, auditStamp.at);
		if (!limited.ok) return limited;
		const outcome = await store.update(path, { [VALUE_FIELD]: value }, head.version);
		if (outcome === 'conflict') continue;
		if (outcome === 'absent') return refuse(404, NO_SUCH_SECRET);
		await store.describe(path, metadataPatch(change, auditStamp));
		return ok(undefined);
	}
}

/** Changes what is known about a secret, and not its value. */
export async function describeSecret(
	store: Store,
	ref: StampedSecretRef,
	{ rotation, ...change }: DescriptionChange & { readonly rotation?: RotationRequest | null | undefined },
	auditStamp: AuditStamp,
): Promise<Result<void, Problem>> {
	const head = await store.head(pathOf(ref));
	if (!isSameSecret(ref, head) || !head.live) return refuse(404, NO_SUCH_SECRET);
	const type = membershipOf(ref.key, withOwnMetadata(head))?.type ?? 'generic';
	const rotatable = rotation === undefined ? ok(undefined) : checkRotatable(type, ref.location);
	if (!rotatable.ok) return rotatable;
	const patch = {
		...metadataPatch(change, auditStamp),
		...rotationPatch(rotation, undefined, rotationOf(ref.key, head)),
	};
	const describe = () => store.describe(pathOf(ref), patch);
	const described = await (rotation ? indexed(store, ref, describe) : describe());
	return described ? ok(undefined) : refuse(404, NO_SUCH_SECRET);
}
