import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { createLoginLimit, type LoginLimit } from './login-limit.ts';

/** Rate limits, each per minute. */
export interface LimitSettings {
	/** Calls of one caller. */
	readonly calls: number;
	/** Failed logins from one address. */
	readonly failedLogins: number;
}

/** Counts calls and failed logins of this process. Each replica counts separately. */
export interface Limits {
	/** Counts a call. Returns the seconds to wait when the limit is exceeded; otherwise undefined. */
	call(caller: string): Promise<number | undefined>;
	readonly login: LoginLimit;
}

const MINUTE = 60;

/** Creates the counters. */
export function createLimits({ calls, failedLogins }: LimitSettings): Limits {
	const perCaller = new RateLimiterMemory({ points: calls, duration: MINUTE });
	return {
		call: (caller) => secondsToWait(perCaller.consume(caller)),
		login: createLoginLimit(failedLogins),
	};
}

/** Undefined if a point was left. The library rejects with its state when no points are left. */
async function secondsToWait(consumed: Promise<RateLimiterRes>): Promise<number | undefined> {
	try {
		await consumed;
		return undefined;
	} catch (thrown) {
		if (thrown instanceof RateLimiterRes) return Math.max(1, Math.ceil(thrown.msBeforeNext / 1000));
		throw thrown;
	}
}
