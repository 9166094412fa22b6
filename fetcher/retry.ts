import { err, ok, type Result } from '../contract/result.ts';
import { fullJitter } from '../lib/backoff.ts';
import { now, pause as sleep } from './clock.ts';
import type { Deadline } from './deadline.ts';
import { Failure } from './failure.ts';
import type { Log } from './log.ts';

const BACKOFF = { first: 100, longest: 5_000 };
/**
 * Maximum for an attempt, in ms. The first one may take a third of the deadline, so that there is time for
 * another.
 */
const MAX_ATTEMPT = 20_000;
const MIN_ATTEMPT = 500;
/** If less time is left, in ms, no response can arrive before the deadline. */
const TOO_SHORT = 50;
/** Timers may fire this much early. */
const TIMER_SLACK = 2;

/** Maximum number of different warnings. Further ones have the level debug. */
const MAX_WARNINGS = 10;

/** Options of a retry. */
export interface RetryOptions {
	readonly log: Log;
	/** Returns a number from 0 up to but not including 1. */
	readonly random: () => number;
}

/** One attempt. It settles within `timeout` milliseconds. */
export type Try<T> = (timeout: number) => Promise<T>;

/**
 * Repeats an attempt until it succeeds, fails with an error that is not retryable, or the deadline passes.
 */
export type Retry = <T>(attempt: Try<T>, deadline: Deadline) => Promise<T>;

/**
 * Timeout of an attempt in ms, after `slow` attempts that timed out. It doubles each time, so that clients of
 * an overloaded server do not repeat requests that it cannot finish.
 */
function attemptSpan({ span }: Deadline, slow: number): number {
	return Math.min(MAX_ATTEMPT, Math.max(MIN_ATTEMPT, span / 3)) * 2 ** slow;
}

/** The timeout of an attempt, limited by the deadline. */
export function attemptTimeout(deadline: Deadline, slow = 0): number {
	return Math.min(attemptSpan(deadline, slow), deadline.left());
}

/**
 * Delay in ms after attempt number `failed`: random between 0 and a bound that doubles ("full jitter"), so
 * that pods that failed together do not retry together.
 */
export function backoff(failed: number, random: () => number): number {
	return fullJitter(BACKOFF, failed, random());
}

const seconds = (ms: number): string => `${Math.ceil(ms / 100) / 10} s`;

const deadlineFailure = (last: Failure, why: string): Failure => last.withMessage(`${last.message}; ${why}`);

function endIfOver(deadline: Deadline, mostSpecific: Failure): void {
	if (deadline.left() < TOO_SHORT)
		throw deadlineFailure(mostSpecific, `given up after ${seconds(deadline.span)} (ENVTIER_DEADLINE)`);
}

/**
 * Creates a retry for the requests of one process. Retry-After of one response delays all of them.
 */
export function makeRetry({ log, random }: RetryOptions): Retry {
	let notBefore = 0;
	const logged = new Set<string>();

	const waitAfter = (failure: Failure, failed: number, deadline: Deadline): number => {
		if (failure.retryAfter !== undefined) notBefore = Math.max(notBefore, now() + failure.retryAfter);
		const delay = Math.max(0, notBefore - now());
		const left = deadline.left();
		if (delay >= left && delay > 0)
			throw deadlineFailure(
				failure,
				`it asks for a pause of ${seconds(delay)}, longer than the ${seconds(left)} left`,
			);
		// Other clients received the same Retry-After. Spread the retries over the same time again.
		const wait = delay + Math.max(backoff(failed, random), delay * random());
		// Leave time for a last attempt before the deadline.
		return Math.min(wait, delay + (left - delay) / 2);
	};

	const pause = async (failure: Failure, failed: number, deadline: Deadline): Promise<void> => {
		const wait = waitAfter(failure, failed, deadline);
		const level = logged.has(failure.message) || logged.size >= MAX_WARNINGS ? 'debug' : 'warn';
		logged.add(failure.message);
		log[level](`${failure.message}; trying again`, { attempt: failed, waitMs: Math.round(wait) });
		await sleep(wait);
	};

	return async (attempt, deadline) => {
		let slow = 0;
		let mostSpecific: Failure | undefined;
		for (let failed = 1; ; failed++) {
			const timeout = attemptTimeout(deadline, slow);
			const start = now();
			const result = await tryOnce(attempt, timeout);
			if (result.ok) return result.value;
			const timedOut = now() - start >= timeout * 0.9 - TIMER_SLACK;
			const cutShort = timedOut && timeout < attemptSpan(deadline, slow);
			slow += Number(timedOut);
			// An attempt that the deadline cut short is less specific than the earlier ones.
			mostSpecific = cutShort ? (mostSpecific ?? result.error) : result.error;
			endIfOver(deadline, mostSpecific);
			await pause(result.error, failed, deadline);
			// The timer may fire too late for another attempt.
			endIfOver(deadline, mostSpecific);
		}
	};
}

async function tryOnce<T>(attempt: Try<T>, timeout: number): Promise<Result<T, Failure>> {
	try {
		return ok(await attempt(timeout));
	} catch (thrown) {
		if (thrown instanceof Failure && thrown.retryable) return err(thrown);
		throw thrown;
	}
}
