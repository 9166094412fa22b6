/** Lets at most so many pieces of work run at a time. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>;

/** Makes a gate for `places` at a time; whoever comes later waits in line. */
export function makeGate(places: number): Gate {
	let free = places;
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
