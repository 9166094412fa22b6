import type { Logger } from 'pino';
import type { Store } from './store.ts';

/** Time between two checks, in ms. */
const INTERVAL = 10 * 60_000;

/**
 * Logs the lines that the API's policy lacks, now and every ten minutes. An upgrade needs the new policy
 * first: otherwise the operations that need these lines fail with a 500.
 */
export function watchRights(store: Store, log: Logger): { stop(): void } {
	const check = async (): Promise<void> => {
		try {
			const missing = await store.missingRights();
			if (missing === undefined)
				log.info('Vault does not say which policy lines the API has: sys/capabilities-self is not allowed');
			else if (missing.length > 0)
				log.warn({ missing }, 'the Vault policy lacks lines: apply the api-policy.hcl of this version');
		} catch {
			// The store is away. Readiness says so.
		}
	};
	void check();
	const timer = setInterval(() => void check(), INTERVAL).unref();
	return { stop: () => clearInterval(timer) };
}
