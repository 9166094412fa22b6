import { LRUCache } from 'lru-cache';

/** A rate limit for one key. */
export interface Allowance {
	readonly burst: number;
	/** Milliseconds until one more token is available. */
	readonly refill: number;
	/** Maximum number of keys. A key that was removed starts with a full bucket. */
	readonly keys: number;
}

/**
 * Token buckets, one for each key. Returns a function that takes a token at a time in ms, and returns whether
 * there was one.
 */
export function tokenBuckets({ burst, refill, keys }: Allowance): (key: string, now: number) => boolean {
	const buckets = new LRUCache<string, { readonly tokens: number; readonly at: number }>({ max: keys });
	return (key, now) => {
		const { tokens, at } = buckets.get(key) ?? { tokens: burst, at: now };
		const available = Math.min(burst, tokens + (now - at) / refill);
		const taken = available >= 1;
		buckets.set(key, { tokens: taken ? available - 1 : available, at: now });
		return taken;
	};
}
