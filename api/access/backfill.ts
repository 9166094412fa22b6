import type { Logger } from 'pino';
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

/** Starts `backfillAccess` now and then every `interval` milliseconds. Returns a function that stops it. */
export function startBackfill(store: Store, log: Logger, interval: number): () => void {
	let running = false;
	const run = async (): Promise<void> => {
		if (running) return;
		running = true;
		try {
			const count = await backfillAccess(store);
			if (count > 0) log.info({ count }, 'access records written');
		} catch (thrown) {
			log.warn({ problem: String(thrown) }, 'access records could not be written yet');
		} finally {
			running = false;
		}
	};
	const timer = setInterval(() => void run(), interval).unref();
	void run();
	return () => clearInterval(timer);
}
