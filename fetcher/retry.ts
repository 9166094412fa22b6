import { err, ok, type Result } from '../contract/result.ts';
import { now, pause as sleep } from './clock.ts';
import type { Deadline } from './deadline.ts';
import { Failure } from './failure.ts';
import type { Log } from './log.ts';

const FIRST_WAIT = 100;
const LONGEST_WAIT = 5_000;
/** The first attempt may take a third of the time, so that a black hole leaves time for another; but not for ever. */
const LONGEST_ATTEMPT = 20_000;
const SHORTEST_ATTEMPT = 500;
/** With less left than this no answer would come in time. */
const TOO_SHORT = 50;
/** Timers may fire this much early. */
const TIMER_SLACK = 2;

/** Different failures that are worth a warning; the rest is for the level debug. */
const MOST_WARNINGS = 10;

/** What a retry needs to know of the world. */
export interface RetryOptions {
	readonly log: Log;
	/** From 0 up to but not including 1. */
	readonly random: () => number;
}

/** One try at something; it ends by itself, well or badly, within `timeout` milliseconds. */
export type Attempt<T> = (timeout: number) => Promise<T>;

/** Tries until it works, can't heal, or the time is up. */
export type Retry = <T>(attempt: Attempt<T>, deadline: Deadline) => Promise<T>;

/**
 * How long one attempt may take, in milliseconds, after so many that took all of their time. Each may take twice as long as the one before:
 * a server that is slow because many ask must not be asked by each of them again and again.
 */
function attemptSpan({ span }: Deadline, slow: number): number {
	return Math.min(LONGEST_ATTEMPT, Math.max(SHORTEST_ATTEMPT, span / 3)) * 2 ** slow;
}

/** The same, but no longer than the deadline allows. */
export function attemptTimeout(deadline: Deadline, slow = 0): number {
	return Math.min(attemptSpan(deadline, slow), deadline.left());
}

/**
 * Milliseconds before the try after the `failed`th one: anywhere between nothing and a bound that doubles ("full jitter"),
 * so that pods that failed together don't come back together.
 */
export function backoff(failed: number, random: () => number): number {
	return random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failed - 1));
}

const seconds = (ms: number): string => `${Math.ceil(ms / 100) / 10} s`;

const givenUp = (last: Failure, why: string): Failure => last.saying(`${last.message}; ${why}`);

function endIfOver(deadline: Deadline, telling: Failure): void {
	if (deadline.left() < TOO_SHORT)
		throw givenUp(telling, `given up after ${seconds(deadline.span)} (ENVTIER_DEADLINE)`);
}

/**
 * Makes a retry for the requests of one process. A server that asks to be left alone for a while (Retry-After) is left alone
 * by all of them.
 */
export function makeRetry({ log, random }: RetryOptions): Retry {
	let quietUntil = 0;
	const said = new Set<string>();

	const waitAfter = (failure: Failure, failed: number, deadline: Deadline): number => {
		if (failure.retryAfter !== undefined) quietUntil = Math.max(quietUntil, now() + failure.retryAfter);
		const quiet = Math.max(0, quietUntil - now());
		const left = deadline.left();
		if (quiet >= left && quiet > 0)
			throw givenUp(failure, `it asks for ${seconds(quiet)} of quiet, longer than the ${seconds(left)} left`);
		// Whoever was told to keep quiet was told so together with others: they come back spread over as long again.
		const wait = quiet + Math.max(backoff(failed, random), quiet * random());
		// A last try before the deadline is worth more than none, and takes its time too.
		return Math.min(wait, quiet + (left - quiet) / 2);
	};

	const pause = async (failure: Failure, failed: number, deadline: Deadline): Promise<void> => {
		const wait = waitAfter(failure, failed, deadline);
		const level = said.has(failure.message) || said.size >= MOST_WARNINGS ? 'debug' : 'warn';
		said.add(failure.message);
		log[level](`${failure.message}; trying again`, { attempt: failed, waitMs: Math.round(wait) });
		await sleep(wait);
	};

	return async (attempt, deadline) => {
		let slow = 0;
		let telling: Failure | undefined;
		for (let failed = 1; ; failed++) {
			const timeout = attemptTimeout(deadline, slow);
			const start = now();
			const tried = await tryOnce(attempt, timeout);
			if (tried.ok) return tried.value;
			const ranOut = now() - start >= timeout * 0.9 - TIMER_SLACK;
			const cutShort = ranOut && timeout < attemptSpan(deadline, slow);
			slow += Number(ranOut);
			// That the last try was cut short by the deadline says less than what the ones before it found.
			telling = cutShort ? (telling ?? tried.error) : tried.error;
			endIfOver(deadline, telling);
			await pause(tried.error, failed, deadline);
			// A busy machine may wake too late for another try.
			endIfOver(deadline, telling);
		}
	};
}

async function tryOnce<T>(attempt: Attempt<T>, timeout: number): Promise<Result<T, Failure>> {
	try {
		return ok(await attempt(timeout));
	} catch (thrown) {
		if (thrown instanceof Failure && thrown.heals) return err(thrown);
		throw thrown;
	}
}
