import type { Logger } from 'pino';
import type { Store } from './store.ts';

/** Time between two checks, in ms. */
const INTERVAL = 10 * 60_000;
/** The same while lines are missing, or Vault does not answer: `missing` asks again after this time. */
const SOON = 5_000;

/** Which lines the policy of a program lacks. */
export interface RightsWatch {
	/** The file of the policy that has all lines. */
	readonly file: string;
	/** The missing lines as HCL. Empty if there are none, or if Vault does not say. */
	missing(): Promise<readonly string[]>;
	stop(): void;
}

/**
 * Logs the lines that a program's policy lacks, now and every ten minutes. An upgrade needs the new policy
 * first: otherwise the operations that need these lines fail with a 500.
 *
 * @param file the file of the policy in `deploy/vault`
 * @param interval time between two checks in ms
 */
export function watchRights(store: Store, log: Logger, file: string, interval = INTERVAL): RightsWatch {
	let asked = 0;
	let found: readonly string[] | undefined;
	let told = '';
	const check = async (): Promise<void> => {
		asked = performance.now();
		try {
			const missing = await store.missingRights();
			found = missing ?? [];
			const text = missing?.join('\n') ?? 'unknown';
			if (text === told) return;
			told = text;
			if (missing === undefined)
				log.info(
					'Vault does not say which policy lines the program has: sys/capabilities-self is not allowed',
				);
			else if (missing.length > 0)
				log.warn({ missing }, `the Vault policy lacks lines: apply the ${file} of this version`);
			else log.info('the Vault policy has all lines');
		} catch {
			// The store is away. Readiness says so.
			found = undefined;
		}
	};
	let pending = check();
	const timer = setInterval(() => {
		pending = check();
	}, interval).unref();
	return {
		file,
		missing: async () => {
			await pending;
			const isDone = found !== undefined && found.length === 0;
			if (!isDone && performance.now() - asked >= SOON) pending = check();
			await pending;
			return found ?? [];
		},
		stop: () => clearInterval(timer),
	};
}
