/** Follows a count that grows, such as requests so far. */
export interface Rate extends Disposable {
	/** The most by which it grew within a second. */
	peak(): number;
}

/** Looks at a count every second until it is disposed. */
export function followRate(count: () => number): Rate {
	let [last, peak] = [count(), 0];
	const timer = setInterval(() => {
		const now = count();
		peak = Math.max(peak, now - last);
		last = now;
	}, 1_000);
	return { peak: () => Math.max(peak, count() - last), [Symbol.dispose]: () => clearInterval(timer) };
}
