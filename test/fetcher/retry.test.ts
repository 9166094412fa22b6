import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deadlineAfter } from '../../fetcher/deadline.ts';
import { Failure } from '../../fetcher/failure.ts';
import { openLog } from '../../fetcher/log.ts';
import { attemptTimeout, backoff, makeRetry } from '../../fetcher/retry.ts';

const busy = (text = 'busy', retryAfter?: number): Failure =>
	new Failure('unreachable', text, { retryable: true, ...(retryAfter === undefined ? {} : { retryAfter }) });

/** An attempt that runs `work` with the number of this try. */
const attempt = <T>(work: (tries: number, timeout: number) => T | Promise<T>) => {
	let tries = 0;
	return {
		tries: () => tries,
		run: (timeout: number): Promise<T> => {
			tries += 1;
			const mine = tries;
			return Promise.resolve().then(() => work(mine, timeout));
		},
	};
};

const quiet = () => makeRetry({ log: openLog('silent'), random: () => 0.5 });

test('an attempt that succeeds is not repeated', async () => {
	const works = attempt((tries) => tries);
	expect(await quiet()(works.run, deadlineAfter(1_000))).toBe(1);
	expect(works.tries()).toBe(1);
});

test('a retryable failure is retried until it succeeds', async () => {
	const retried = attempt((tries) => {
		if (tries < 4) throw busy();
		return tries;
	});
	expect(await quiet()(retried.run, deadlineAfter(60_000))).toBe(4);
});

test.each([
	['a failure that stays', new Failure('bad-answer', 'never')],
	['a defect', new TypeError('undefined is not a function')],
])('%s is thrown on as it is, after one try', async (_what, error) => {
	const fails = attempt(() => {
		throw error;
	});
	await expect(quiet()(fails.run, deadlineAfter(60_000))).rejects.toBe(error);
	expect(fails.tries()).toBe(1);
});

test('the failure at the deadline has the last reason, and comes in time', async () => {
	const start = performance.now();
	const fails = attempt(() => {
		throw new Failure('sealed', 'Vault is sealed', { retryable: true });
	});
	await expect(quiet()(fails.run, deadlineAfter(700))).rejects.toMatchObject({
		reason: 'sealed',
		message: 'Vault is sealed; given up after 0.7 s (ENVTIER_DEADLINE)',
	});
	expect(performance.now() - start).toBeLessThan(1_700);
});

test('a last try that the deadline cuts short does not hide what the ones before it found', async () => {
	const fails = attempt(async (tries, timeout) => {
		if (tries === 1) throw busy('connection refused');
		await sleep(timeout);
		throw busy(`nothing within ${timeout} ms`);
	});
	await expect(quiet()(fails.run, deadlineAfter(500))).rejects.toThrow(/^connection refused; given up/);
	expect(fails.tries()).toBeGreaterThan(1);
});

describe('Retry-After', () => {
	test('delays every request of the process', async () => {
		const retry = quiet();
		const deadline = deadlineAfter(60_000);
		const start = performance.now();
		const first = attempt((tries) => {
			if (tries === 1) throw busy('busy', 400);
		});
		const second = attempt((tries) => {
			if (tries === 1) throw busy('busy');
		});
		await Promise.all([retry(first.run, deadline), retry(second.run, deadline)]);
		expect(performance.now() - start).toBeGreaterThanOrEqual(395);
		expect([first.tries(), second.tries()]).toEqual([2, 2]);
	});

	test('beyond the deadline fails at once', async () => {
		const start = performance.now();
		const fails = attempt(() => {
			throw busy('rate limit', 90_000);
		});
		await expect(quiet()(fails.run, deadlineAfter(60_000))).rejects.toThrow(
			/^rate limit; it asks for a pause of 90 s, longer than the (60|59\.\d) s left$/,
		);
		expect(performance.now() - start).toBeLessThan(5_000);
	});
});

test('a repeated failure is logged as a warning once', async () => {
	const lines: string[] = [];
	const log = openLog('info', (line) => void lines.push(line));
	const retried = attempt((tries) => {
		if (tries < 6) throw busy(tries < 4 ? 'refused' : 'sealed');
	});
	await makeRetry({ log, random: () => 0 })(retried.run, deadlineAfter(60_000));
	const messages = lines.map((line) => JSON.parse(line).msg);
	expect(messages).toEqual(['refused; trying again', 'sealed; trying again']);
});

test('waits are spread over everything from nothing to a bound that doubles up to five seconds', () => {
	fc.assert(
		fc.property(
			fc.integer({ min: 1, max: 60 }),
			fc.double({ min: 0, max: 0.999, noNaN: true }),
			(failed, random) => {
				const wait = backoff(failed, () => random);
				const bound = Math.min(5_000, 100 * 2 ** (failed - 1));
				expect(wait).toBeGreaterThanOrEqual(0);
				expect(wait).toBeCloseTo(bound * random, 6);
			},
		),
	);
});

test('an attempt that took all of its time is followed by one that may take twice as long', async () => {
	const timeouts: number[] = [];
	const slow = attempt(async (tries, timeout) => {
		timeouts.push(timeout);
		// One that fails at once says nothing about how slow the server is.
		if (tries !== 2) await sleep(timeout);
		throw busy();
	});
	await expect(quiet()(slow.run, deadlineAfter(2_400))).rejects.toThrow('busy');
	expect(timeouts.slice(0, 2).map(Math.round)).toEqual([800, expect.any(Number)]);
	expect(timeouts[1]).toBeGreaterThan(1_000);
	expect(timeouts.length).toBeLessThanOrEqual(4);
}, 20_000);

test.each([
	[1_000, 500],
	[3_000, 1_000],
	[30_000, 10_000],
	[3_600_000, 20_000],
])('of %d ms one attempt may take %d', (span, expected) => {
	const timeout = attemptTimeout(deadlineAfter(span));
	expect(timeout).toBe(expected);
});
