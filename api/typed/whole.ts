import { ok, type Result } from '../../contract/result.ts';
import { mapAtMost } from '../concurrency.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import { identityOf, isSameSecret, withOwnMetadata } from '../secrets/identity.ts';
import { pathOf, type StampedSecretRef } from '../secrets/secret-location.ts';
import type { Head, Store } from '../store/store.ts';
import { isSameCreation, membershipOf, refsOf, titleOf } from './typed-secret.ts';
import { checkDescribed } from './unfinished.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 5;

/**
 * The keys that belong together with a key, deleted ones too: all of its typed secret that the same creation
 * wrote, in the order in which they are written, or the key alone.
 */
export async function wholeSecretOf(
	store: Store,
	ref: StampedSecretRef,
): Promise<Result<readonly StampedSecretRef[], Problem>> {
	const head = await store.head(pathOf(ref));
	if (!isSameSecret(ref, head)) return refuse(404, NO_SUCH_SECRET);
	const members = await membersAt(store, ref, head);
	if (members === undefined) {
		const described = await checkDescribed(store, ref, head);
		return described.ok ? ok([ref]) : described;
	}
	return ok(members.flatMap((member) => (isSameCreation(member.head, head) ? [member.ref] : [])));
}

/**
 * Refuses with 409 if a typed secret of the same type and name was created after the one that a key belongs
 * to. Its keys would not fit those of the deleted one.
 */
export async function checkNoSuccessor(store: Store, ref: StampedSecretRef): Promise<Result<void, Problem>> {
	const head = await store.head(pathOf(ref));
	if (!isSameSecret(ref, head)) return refuse(404, NO_SUCH_SECRET);
	const members = (await membersAt(store, ref, head)) ?? [];
	const later = members.find((member) => member.head.live && !isSameCreation(member.head, head));
	return later === undefined
		? ok(undefined)
		: refuse(409, `${later.title} was created again: its keys and this one do not belong together`);
}

/** Keys of one type and name, deleted ones too. Undefined for a key that belongs to no typed secret. */
async function membersAt(
	store: Store,
	{ key, location }: StampedSecretRef,
	head: Head,
): Promise<
	readonly { readonly ref: StampedSecretRef; readonly head: Head; readonly title: string }[] | undefined
> {
	const membership = membershipOf(key, withOwnMetadata(head));
	if (membership === undefined) return undefined;
	const { type, name } = membership;
	const refs = refsOf({ location, type, name }, () => true);
	const keys = await mapAtMost(AT_ONCE, refs, async ({ ref }) => ({
		ref,
		head: await store.head(pathOf(ref)),
	}));
	return keys.flatMap(({ ref, head: found }) => {
		const member = found && membershipOf(ref.key, withOwnMetadata(found));
		const isMember = found !== undefined && member?.type === type && member.name === name;
		return isMember
			? [{ ref: { ...ref, stamp: identityOf(found).stamp }, head: found, title: titleOf(membership) }]
			: [];
	});
}

/**
 * Does the same with each key, one after the other. If it stops in between, a repetition finishes it: keys
 * that are done already (404 or 409) are no failure while another key changes.
 */
export async function forEachKey(
	keys: readonly StampedSecretRef[],
	work: (key: StampedSecretRef) => Promise<Result<void, Problem>>,
): Promise<Result<void, Problem>> {
	let first: Result<void, Problem> | undefined;
	let changed = false;
	for (const key of keys) {
		const result = await work(key);
		if (!result.ok && result.error.status !== 404 && result.error.status !== 409) return result;
		changed ||= result.ok;
		first ??= result;
	}
	return changed ? ok(undefined) : (first ?? refuse(404, NO_SUCH_SECRET));
}
