import { ok, type Result } from '../../contract/result.ts';
import type { Problem } from '../problem.ts';
import { deleteSecret } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';
import type { FoundTyped } from './change.ts';

/**
 * Deletes all keys of a typed secret. If it stops in between, the list tells which keys are left, and a
 * repetition deletes them.
 */
export async function deleteTyped(store: Store, { members }: FoundTyped): Promise<Result<void, Problem>> {
	// The last ones first: a server without its key fails at once, and not later with a wrong one.
	for (const { ref, head } of members.toReversed()) {
		const deleted = await deleteSecret(store, { ...ref, stamp: head.metadata['stamp'] });
		// A key that is gone already is what was asked for.
		if (!deleted.ok && deleted.error.status !== 404) return deleted;
	}
	return ok(undefined);
}
