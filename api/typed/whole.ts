import { ok, type Result } from '../../contract/result.ts';
import { mapAtMost } from '../concurrency.ts';
import { NO_SUCH_SECRET, type Problem, refuse } from '../problem.ts';
import { identityOf, isSameSecret, withOwnMetadata } from '../secrets/identity.ts';
import { pathOf, type StampedSecretRef } from '../secrets/secret-location.ts';
import type { Store } from '../store/store.ts';
import { membershipOf, refsOf } from './typed-secret.ts';

/** Maximum number of concurrent requests to the store. */
const AT_ONCE = 5;

/**
 * The keys that belong together with a key, deleted ones too: all of its typed secret, in the order in which
 * they are written, or the key alone.
 */
export async function wholeSecretOf(
	store: Store,
	ref: StampedSecretRef,
): Promise<Result<readonly StampedSecretRef[], Problem>> {
	const head = await store.head(pathOf(ref));
	if (!isSameSecret(ref, head)) return refuse(404, NO_SUCH_SECRET);
	const membership = membershipOf(ref.key, withOwnMetadata(head));
	if (membership === undefined) return ok([ref]);
	const { type, name } = membership;
	const refs = refsOf({ location: ref.location, type, name }, () => true);
	const keys = await mapAtMost(AT_ONCE, refs, async (one) => ({
		ref: one.ref,
		head: await store.head(pathOf(one.ref)),
	}));
	return ok(
		keys.flatMap(({ ref: key, head: found }) => {
			const member = found && membershipOf(key.key, withOwnMetadata(found));
			const isMember = found !== undefined && member?.type === type && member.name === name;
			return isMember ? [{ ...key, stamp: identityOf(found).stamp }] : [];
		}),
	);
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
