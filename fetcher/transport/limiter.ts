/** Runs at most a fixed number of tasks at a time. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

/** Creates a limiter for `maximum` tasks at a time. Others wait in order. */
export function makeLimiter(maximum: number): Limiter {
	let free = maximum;
	const waiting: (() => void)[] = [];
	return async (work) => {
		if (free > 0) free -= 1;
		else await new Promise<void>((resolve) => waiting.push(resolve));
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next === undefined) free += 1;
			else next();
		}
	};
}
