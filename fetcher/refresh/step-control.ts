import { wallClock } from './lease-clock.ts';

/** What the loops of several leases share: they wait, hold and stop together. */
export interface StepControl {
	isStopped(): boolean;
	/** Ends every wait. No step begins any more. */
	stop(): void;
	/** Waits until a time in ms since 1970, `wake` or `stop`, and an hour at most. */
	sleepUntil(until: number): Promise<void>;
	/** Ends every wait. */
	wake(): void;
	/** While no step may begin, resolves when one may; undefined if one may now. */
	held(): Promise<void> | undefined;
	/** Counts a step as under way until it ends. */
	track<T>(step: Promise<T>): Promise<T>;
	/** Lets no further step begin. Resolves when none is under way. */
	hold(): Promise<void>;
	/** Lets steps begin again. */
	release(): void;
}

/** Opens the control of loops that run. */
export function openStepControl(): StepControl {
	let stopped = false;
	let waking = Promise.withResolvers<void>();
	let held: PromiseWithResolvers<void> | undefined;
	const underWay = new Set<Promise<unknown>>();
	const wake = (): void => {
		waking.resolve();
		waking = Promise.withResolvers();
	};
	return {
		isStopped: () => stopped,
		stop: () => {
			stopped = true;
			wake();
		},
		sleepUntil: async (until) => {
			if (stopped) return;
			const timer = Promise.withResolvers<void>();
			// The longest time of a timer is 2^31 - 1 ms.
			const timeout = setTimeout(timer.resolve, Math.min(Math.max(0, until - wallClock()), 3_600_000));
			await Promise.race([timer.promise, waking.promise]);
			clearTimeout(timeout);
		},
		wake,
		held: () => held?.promise,
		track: async (step) => {
			underWay.add(step);
			try {
				return await step;
			} finally {
				underWay.delete(step);
			}
		},
		hold: async () => {
			held ??= Promise.withResolvers();
			await Promise.all(underWay);
		},
		release: () => {
			held?.resolve();
			held = undefined;
		},
	};
}
