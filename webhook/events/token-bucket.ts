import { LruMap } from './lru.ts';

/** How much of something may be done for one key: at once, and from then on. */
export interface Allowance {
	readonly burst: number;
	/** Milliseconds until one more may be done. */
	readonly refill: number;
	/** Keys that are remembered; one that is forgotten starts full again. */
	readonly keys: number;
}

/** Token buckets, one a key. Gives the function that takes a token at a time in milliseconds and says whether there was one. */
export function tokenBuckets({ burst, refill, keys }: Allowance): (key: string, now: number) => boolean {
	const known = new LruMap<{ readonly tokens: number; readonly at: number }>(keys);
	return (key, now) => {
		const { tokens, at } = known.get(key) ?? { tokens: burst, at: now };
		const filled = Math.min(burst, tokens + (now - at) / refill);
		const taken = filled >= 1;
		known.set(key, { tokens: taken ? filled - 1 : filled, at: now });
		return taken;
	};
}
