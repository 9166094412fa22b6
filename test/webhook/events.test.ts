import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventFor } from '../../webhook/events/event.ts';
import { tokenBuckets } from '../../webhook/events/token-bucket.ts';

const TARGET = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u-1' };
const REFUSED = { event: 'PodRefused', reason: 'bad-annotation', message: 'so it is' } as const;
const NOTICE = { namespace: 'shop', target: TARGET, cause: REFUSED };
const NOW = new Date('2026-01-02T03:04:05Z');

describe('an allowance', () => {
	test('gives the burst at once and then one each refill, key by key', () => {
		const take = tokenBuckets({ burst: 2, refill: 1_000, keys: 10 });
		expect([take('a', 0), take('a', 1), take('a', 2), take('b', 3)]).toEqual([true, true, false, true]);
		expect([take('a', 500), take('a', 1_001), take('a', 1_002)]).toEqual([false, true, false]);
	});

	test('never gives more than the burst and one a refill, whatever the times', () => {
		fc.assert(
			fc.property(fc.array(fc.nat(500), { minLength: 1, maxLength: 300 }), (pauses) => {
				const take = tokenBuckets({ burst: 3, refill: 100, keys: 5 });
				let now = 0;
				let taken = 0;
				for (const pause of pauses) {
					now += pause;
					if (take('key', now)) taken += 1;
				}
				expect(taken).toBeLessThanOrEqual(3 + now / 100);
			}),
		);
	});
});

test('remembers a bounded number of keys: the one used longest ago is forgotten and starts full again', () => {
	const take = tokenBuckets({ burst: 1, refill: 1_000_000, keys: 3 });
	for (const key of ['a', 'b', 'c', 'a', 'd']) take(key, 0);
	expect(['a', 'c', 'd', 'b'].map((key) => take(key, 1))).toEqual([false, false, false, true]);
});

describe('an event', () => {
	test('says what is refused and why, on the workload', () => {
		expect(eventFor(NOTICE, NOW, 4)).toMatchObject({
			involvedObject: { ...TARGET, namespace: 'shop' },
			type: 'Warning',
			reason: 'PodRefused',
			message: 'Envtier refuses its pods (bad-annotation): so it is',
			lastTimestamp: '2026-01-02T03:04:05.000Z',
			count: 4,
		});
	});

	test('has the same name for the same refusal, and another for another', () => {
		const { name } = eventFor(NOTICE, NOW, 1).metadata;
		expect(eventFor(NOTICE, new Date(), 9).metadata.name).toBe(name);
		const others = [
			{ ...NOTICE, cause: { ...REFUSED, message: 'otherwise' } },
			{ ...NOTICE, cause: { ...REFUSED, reason: 'windows' } },
			{ ...NOTICE, cause: { event: 'PodWarning', message: 'so it is' } as const },
			{ ...NOTICE, target: { ...TARGET, uid: 'u-2' } },
		];
		for (const other of others) expect(eventFor(other, NOW, 1).metadata.name).not.toBe(name);
	});

	test('has a name and a message that the API takes, however long they might be', () => {
		const long = {
			...NOTICE,
			target: { ...TARGET, name: 'w'.repeat(253) },
			cause: { ...REFUSED, message: 'x'.repeat(9_000) },
		};
		const { metadata, message } = eventFor(long, NOW, 1);
		expect(metadata.name.length).toBeLessThanOrEqual(253);
		expect(message?.length).toBe(1_024);
	});
});
