import type { Logger } from 'pino';
import { atMostEvery } from '../concurrency.ts';
import type { Store } from '../store/store.ts';
import type { RightsWatch } from '../store/watch-rights.ts';

/** Minimum time between two requests to Vault for `/readyz`, in ms. Anybody may call that path. */
const INTERVAL = 1_000;

/** Whether the process takes calls. All texts are public, and the log has the details. */
export interface Readiness {
	/** Why not; undefined if it does. */
	notReady(): Promise<string | undefined>;
	/** What is wrong although it takes calls. */
	note(): string | undefined;
	/** Makes `notReady` say so from now on. */
	drain(): void;
}

/**
 * Decides from the store and its policy. A process whose policy lacks lines does not become ready: a rollout
 * of a new version stops until the policy is applied. One that was ready stays so, because most of its calls
 * work.
 *
 * @param rights undefined if nobody knows which lines are needed
 */
export function createReadiness(
	store: Store | undefined,
	rights: RightsWatch | undefined,
	log: Logger,
): Readiness {
	let draining = false;
	let wasReady = false;
	let note: string | undefined;
	const problem = atMostEvery(INTERVAL, async () => {
		const failed = await storeProblem(store, log);
		if (failed !== undefined) return failed;
		note = rights && textOf(rights.file, await rights.missing());
		if (note !== undefined && !wasReady) return note;
		wasReady = true;
		return undefined;
	});
	return {
		notReady: async () => (draining ? 'shutting down' : await problem()),
		note: () => note,
		drain: () => {
			draining = true;
		},
	};
}

async function storeProblem(store: Store | undefined, log: Logger): Promise<string | undefined> {
	if (store === undefined) return 'no store is configured';
	try {
		await store.check();
		return undefined;
	} catch (thrown) {
		log.warn({ problem: String(thrown) }, 'not ready');
		return 'the secret store cannot take calls';
	}
}

function textOf(file: string, missing: readonly string[]): string | undefined {
	if (missing.length === 0) return undefined;
	return [`the Vault policy lacks lines: apply the ${file} of this version`, ...missing].join('\n');
}
