import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

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
	/** The seconds for which an address may not try to log in. */
	loginBlocked(address: string): Promise<number | undefined>;
	loginFailed(address: string): Promise<void>;
}

const MINUTE = 60;

/** Makes the counters. */
export function createLimits({ calls, failedLogins }: LimitSettings): Limits {
	const perCaller = new RateLimiterMemory({ points: calls, duration: MINUTE });
	const perAddress = new RateLimiterMemory({ points: failedLogins, duration: MINUTE });
	return {
		call: (caller) => secondsToWait(perCaller.consume(caller)),
		loginBlocked: async (address) => {
			const state = await perAddress.get(address);
			return state !== null && state.consumedPoints >= failedLogins ? seconds(state) : undefined;
		},
		loginFailed: async (address) => void (await secondsToWait(perAddress.consume(address))),
	};
}

/** The library rejects with the state when there are no points left. */
async function secondsToWait(consumed: Promise<RateLimiterRes>): Promise<number | undefined> {
	try {
		await consumed;
		return undefined;
	} catch (thrown) {
		if (thrown instanceof RateLimiterRes) return seconds(thrown);
		throw thrown;
	}
}

const seconds = (state: RateLimiterRes): number => Math.max(1, Math.ceil(state.msBeforeNext / 1000));
