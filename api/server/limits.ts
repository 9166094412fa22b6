import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { createLoginLimit, type LoginLimit } from './login-limit.ts';

/** How much is too much, each within one minute. */
export interface LimitSettings {
	/** Calls of one caller. */
	readonly calls: number;
	/** Failed logins from one address. */
	readonly failedLogins: number;
}

/** Counts calls and failed logins of this process. With several replicas each counts for itself. */
export interface Limits {
	/** Counts a call; gives the seconds to wait when it is one too many. */
	call(caller: string): Promise<number | undefined>;
	readonly login: LoginLimit;
}

const MINUTE = 60;

/** Makes the counters. */
export function createLimits({ calls, failedLogins }: LimitSettings): Limits {
	const perCaller = new RateLimiterMemory({ points: calls, duration: MINUTE });
	return {
		call: (caller) => secondsToWait(perCaller.consume(caller)),
		login: createLoginLimit(failedLogins),
	};
}

/** The library rejects with the state when there are no points left. */
async function secondsToWait(consumed: Promise<RateLimiterRes>): Promise<number | undefined> {
	try {
		await consumed;
		return undefined;
	} catch (thrown) {
		if (thrown instanceof RateLimiterRes) return Math.max(1, Math.ceil(thrown.msBeforeNext / 1000));
		throw thrown;
	}
}
