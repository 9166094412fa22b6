import { describe, expect, test } from 'vitest';
import { openSchedule } from '../../../controller/rotation/schedule.ts';

const HOUR = 3_600_000;
const SECRET = { folder: 'orgs/acme/secrets', key: 'ADMIN' };
const due = (since: number) =>
	({ kind: 'due', since, version: 1, generate: { length: 32, charset: 'alnum' } }) as const;

function opened() {
	let now = 0;
	const schedule = openSchedule(
		() => now,
		() => 0.5,
	);
	return {
		schedule,
		passes: (ms: number): void => {
			now += ms;
		},
	};
}

describe('the schedule of rotations', () => {
	test('reads each entry once, then when it is due by Vault’s clock, and at least once an hour', () => {
		const { schedule, passes } = opened();
		schedule.keepOnly(['a', 'b']);
		expect(schedule.toRead(1_000)).toEqual(['a', 'b']);
		schedule.read('a', SECRET, { kind: 'waits', until: 5_000 });
		schedule.read('b', undefined, { kind: 'none' });
		expect(schedule.toRead(4_999)).toEqual([]);
		expect(schedule.toRead(5_000)).toEqual(['a']);
		passes(HOUR);
		expect(schedule.toRead(4_999)).toEqual(['a', 'b']);
	});

	test('the one that is due for longest comes first, each once', () => {
		const { schedule } = opened();
		schedule.keepOnly(['late', 'later', 'waits']);
		schedule.read('late', SECRET, due(10));
		schedule.read('later', SECRET, due(5));
		schedule.read('waits', SECRET, { kind: 'waits', until: 50 });
		expect([schedule.due(), schedule.rotating()]).toEqual([2, 3]);
		expect(schedule.next()).toBe('later');
		schedule.rotated('later');
		expect(schedule.next()).toBe('late');
		schedule.rotated('late');
		expect(schedule.next()).toBeUndefined();
		expect([schedule.due(), schedule.rotating()]).toEqual([0, 3]);
		// What was rotated is read again.
		expect(schedule.toRead(0)).toEqual(['late', 'later']);
	});

	test('one that fails is tried later, more and more seldom, and does not keep the others from their turn', () => {
		const { schedule, passes } = opened();
		schedule.keepOnly(['fails', 'works']);
		schedule.read('fails', SECRET, due(1));
		schedule.read('works', SECRET, due(2));
		schedule.failed('fails');
		expect(schedule.next()).toBe('works');
		schedule.rotated('works');
		expect(schedule.next()).toBeUndefined();
		passes(3_750);
		expect(schedule.next()).toBe('fails');
		for (let i = 0; i < 20; i++) schedule.failed('fails');
		passes(449_999);
		expect(schedule.next()).toBeUndefined();
		passes(1);
		expect(schedule.next()).toBe('fails');
	});

	test('a look that finds it due again keeps its pause; one that finds it changed ends its turn', () => {
		const { schedule } = opened();
		schedule.keepOnly(['a']);
		schedule.read('a', SECRET, due(1));
		schedule.failed('a');
		schedule.read('a', SECRET, due(1));
		expect(schedule.next()).toBeUndefined();
		schedule.read('a', SECRET, { kind: 'waits', until: 99 });
		expect(schedule.due()).toBe(0);
	});

	test('an entry that is gone is forgotten', () => {
		const { schedule } = opened();
		schedule.keepOnly(['a']);
		schedule.read('a', SECRET, due(1));
		schedule.keepOnly([]);
		expect([schedule.due(), schedule.rotating(), schedule.next(), schedule.secretOf('a')]).toEqual([
			0,
			0,
			undefined,
			undefined,
		]);
		schedule.rotated('a');
		schedule.failed('a');
		expect(schedule.toRead(100)).toEqual([]);
	});
});
