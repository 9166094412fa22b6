import { now } from '../clock.ts';
import { Failure } from '../failure.ts';
import { logIn, readAll, readContext } from '../fetch.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import { terminationOf } from '../termination-message.ts';
import { readTokenFile } from '../token-file.ts';
import type { SavedToken, Vault } from '../vault.ts';
import type { Delivery } from './delivery.ts';
import type { Memory } from './memory.ts';
import { STEP_TIMEOUT } from './open-once.ts';
import type { CheckRequest } from './requests.ts';
import { checkAfterFailure, nextCheck } from './schedule.ts';
import { openTierStates, type TierState } from './tier-state.ts';

/** Minimum remaining TTL of a token, in ms. The sidecar logs in again if it is shorter. */
const SHORTEST_TOKEN = STEP_TIMEOUT + 10_000;
const HOUR = 3_600_000;
/**
 * Longest period with one connection, in ms. Load balancers and firewalls forget connections that are idle
 * for longer, often without a word: the next request would fail. A new connection costs Vault as much as
 * a request, and an idle one costs it memory.
 */
const LONGEST_IDLE = 30_000;

/** What the checks work with. */
export interface CheckParts {
	readonly settings: Settings;
	readonly log: Log;
	/** A log that does not repeat the warnings of the first fetch. */
	readonly quiet: Log;
	readonly memory: Memory;
	readonly delivery: Delivery;
	/** Opens Vault, with the token of an earlier login if there is one. */
	readonly open: (token?: SavedToken) => Vault;
	readonly disconnect: () => void;
	/** Whether a change waits for a restart. */
	readonly isWaiting: () => boolean;
	/** Called after each check that succeeded. */
	readonly onChecked: () => void;
}

/** Compares the secrets of the tiers with the files. */
export interface Checks {
	/**
	 * Checks, and returns the milliseconds until the next check.
	 *
	 * @param requested by `envtier refresh`; the log then shows the result in any case
	 */
	check(requested: CheckRequest | undefined): Promise<number>;
	/** Checks after the check that runs: two of them must not log in at the same time. Throws a Failure. */
	checkOnce(): Promise<void>;
	/** The next check reads everything. */
	forget(): void;
}

/** Opens the checks of a sidecar. */
export function openChecks(parts: CheckParts): Checks {
	const { settings, log, memory, delivery, open } = parts;
	const tierStates = openTierStates(now);
	let tiers: readonly TierState[] | undefined;
	let failures = 0;
	let lastProblem = '';
	let running: Promise<void> = Promise.resolve();

	/** A client with a token: that of an earlier login if its TTL is long enough, else a new one. */
	const client = async (): Promise<{ vault: Vault; fresh: boolean }> => {
		const { token } = memory.state();
		if (token !== undefined && token.expires - Date.now() > SHORTEST_TOKEN)
			return { vault: open(token), fresh: false };
		const vault = open();
		await logIn({ settings, vault, log, jwt: readTokenFile(settings.tokenFile) });
		memory.save({ token: vault.token() });
		return { vault, fresh: true };
	};

	/** Compares the versions of the tiers. Reads everything if they differ or are not available. */
	const update = async (vault: Vault): Promise<void> => {
		const states = await tierStates.ask(readContext(settings, vault), settings.tiers);
		const comparable = states?.every((one) => one !== undefined) === true;
		if (comparable && tiers !== undefined && states.every((one, i) => one === tiers?.[i])) return;
		const jwt = readTokenFile(settings.tokenFile);
		const read = await readAll({ settings, vault, log: parts.quiet, jwt });
		tierStates.wereRead();
		delivery.deliver(read, vault.requests());
		// After the files: a write that failed is repeated by the next check.
		tiers = comparable ? states : undefined;
	};

	const checkNow = async (): Promise<void> => {
		const { vault, fresh } = await client();
		try {
			await update(vault);
		} catch (thrown) {
			if (fresh || !(thrown instanceof Failure) || thrown.reason !== 'read-refused') throw thrown;
			// The token may have been revoked. Retries once with a new login.
			memory.save({ token: undefined });
			await update((await client()).vault);
		}
	};

	const checkOnce = (): Promise<void> => {
		const next = running.then(checkNow, checkNow);
		running = next.catch(() => undefined);
		return next;
	};

	/** Saves the request, so that a restart does not serve it again. */
	const accept = ({ request }: CheckRequest): void => {
		log.info('a check was requested', { request });
		memory.save({ request });
	};

	const succeeded = (requested: CheckRequest | undefined): void => {
		if (failures > 0) log.info('the check of the secrets succeeded again', { failures });
		failures = 0;
		lastProblem = '';
		parts.onChecked();
		// A change that waits for its restart was logged when it was found.
		if (parts.isWaiting()) return;
		if (requested !== undefined || Date.now() - delivery.loggedAt() >= HOUR) delivery.logCurrent();
	};

	const failed = (failure: Failure, requested: CheckRequest | undefined): number => {
		failures += 1;
		const level = failure.reason === lastProblem && requested === undefined ? 'debug' : 'warn';
		lastProblem = failure.reason;
		log[level](
			`the check of the secrets failed, the files stay as they are: ${terminationOf(failure).message}`,
			{ reason: failure.reason, failures },
		);
		return checkAfterFailure(settings.period, failures, Math.random(), failure.retryAfter);
	};

	return {
		check: async (requested) => {
			try {
				if (requested !== undefined) accept(requested);
				await checkOnce();
			} catch (thrown) {
				if (!(thrown instanceof Failure)) throw thrown;
				return failed(thrown, requested);
			}
			if (settings.period > LONGEST_IDLE) parts.disconnect();
			succeeded(requested);
			return nextCheck(settings.period, Math.random());
		},
		checkOnce,
		forget: () => {
			tiers = undefined;
		},
	};
}
