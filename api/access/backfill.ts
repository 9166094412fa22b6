import { parseName } from '../../contract/names.ts';
import { mapAtMost } from '../concurrency.ts';
import { findDeployment, registeredNames } from '../deployments/registry.ts';
import type { Store } from '../store/store.ts';
import { initialAccess } from './record.ts';
import { recordAccess, recordedNames } from './record-store.ts';

/** Few at a time: calls go first. */
const AT_ONCE = 2;

/**
 * Writes the access record of each deployment that has none: of deployments from before there were members,
 * and of those whose creation was interrupted after its last step. Returns how many it wrote.
 */
export async function backfillAccess(store: Store): Promise<number> {
	const [registered, recorded] = await Promise.all([registeredNames(store), recordedNames(store)]);
	const missing = registered.filter((name) => parseName(name).ok && !recorded.has(name));
	const written = await mapAtMost(AT_ONCE, missing, async (name) => {
		const deployment = await findDeployment(store, name);
		return deployment !== undefined && (await recordAccess(store, name, initialAccess(deployment)));
	});
	return written.filter((one) => one).length;
}
