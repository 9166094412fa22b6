import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../../controller/rotation/decide.ts';
import { encodeRotation, parseEvery, parseRotation, type Rotation } from '../../../lib/kv/rotation.ts';
import { CHARSET_NAMES } from '../../../lib/passwords.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The time of Vault at which the secrets of these tests were written. */
const WRITTEN = Date.parse('2027-01-01T00:00:00Z');

interface Versions {
	readonly [number: string]: { created_time: string; deletion_time: string; destroyed: boolean };
}
const version = (at: number, state: object = {}) => ({
	...{ created_time: new Date(at).toISOString(), deletion_time: '', destroyed: false },
	...state,
});
const METADATA = {
	type: 'password',
	name: 'ADMIN',
	group: 'stamp 1 1',
	stamp: 'v1-abc',
	rotation: '90d 32 alnum',
};
/** Metadata of a password as Vault answers them. */
function password(custom: object = {}, versions: Versions = { '1': version(WRITTEN) }): object {
	return {
		created_time: new Date(WRITTEN).toISOString(),
		current_version: Math.max(...Object.keys(versions).map(Number)),
		custom_metadata: { ...METADATA, ...custom },
		versions,
	};
}

describe('a password with a rotation', () => {
	test.each([
		['just written', 0, 'waits'],
		['a moment before its time', 90 * DAY - 1, 'waits'],
		['at its time', 90 * DAY, 'due'],
		['long after its time, as when the controller was away for a year', 365 * DAY, 'due'],
		['with a clock of Vault that went back', -5 * DAY, 'waits'],
	])('%s', (_what, after, kind) => {
		expect(decide('ADMIN', password(), WRITTEN + after).kind).toBe(kind);
	});

	test('is due since its time, and only its current version may be replaced', () => {
		const versions = { '6': version(WRITTEN - 400 * DAY), '7': version(WRITTEN) };
		expect(decide('ADMIN', password({ rotation: '12h 40 hex' }, versions), WRITTEN + DAY)).toEqual({
			kind: 'due',
			since: WRITTEN + 12 * HOUR,
			version: 7,
			generate: { length: 40, charset: 'hex' },
		});
	});

	test('that somebody changed by hand an hour before waits for its whole time', () => {
		const now = WRITTEN + 200 * DAY;
		const changed = { '1': version(WRITTEN), '2': version(now - HOUR) };
		expect(decide('ADMIN', password({}, changed), now)).toEqual({
			kind: 'waits',
			until: now - HOUR + 90 * DAY,
		});
	});
});

describe('nothing rotates that is', () => {
	const now = WRITTEN + 1_000 * DAY;
	test.each<[string, unknown]>([
		['deleted', password({}, { '1': version(WRITTEN, { deletion_time: new Date(WRITTEN).toISOString() }) })],
		['destroyed', password({}, { '1': version(WRITTEN, { destroyed: true }) })],
		[
			'at its end by delete_version_after',
			password({}, { '1': version(WRITTEN, { deletion_time: new Date(now).toISOString() }) }),
		],
		['without a version', { ...password(), current_version: 0, versions: {} }],
		['without a rotation', password({ rotation: undefined })],
		['of another type', password({ type: 'generic' })],
		['of no type', password({ type: undefined })],
		['a userpass', password({ type: 'userpass', group: 'stamp 1 2' })],
		['the password of another key', password({ name: 'OTHER' })],
		['without the stamp of the API', password({ group: undefined })],
		[
			'written over a deleted password that rotated',
			password(
				{},
				{
					'1': version(WRITTEN, { deletion_time: new Date(WRITTEN + DAY).toISOString() }),
					'2': version(WRITTEN + 2 * DAY),
				},
			),
		],
		[
			'written at a time that is none',
			password({}, { '1': version(WRITTEN, { created_time: 'yesterday' } as never) }),
		],
		['no metadata', null],
		['a text', 'metadata'],
		['of metadata that are numbers', password({ rotation: 90 })],
		...[
			'1s 32 alnum',
			'59m 32 alnum',
			'0d 32 alnum',
			'0h 32 alnum',
			'3651d 32 alnum',
			'99999d 32 alnum',
			'1e3d 32 alnum',
			'-1d 32 alnum',
			'90d 7 alnum',
			'90d 1025 alnum',
			'90d 9999999999 alnum',
			'90d 32 emoji',
			'90d 32 __proto__',
			'90d 32 constructor',
			'90d 32',
			'90d',
			'',
			' 90d 32 alnum',
			'90d 32 alnum ',
			'90d\n32 alnum',
			'90d 32 alnum\n',
			'{"every":"90d"}',
			'９０d 32 alnum',
			'90d 032 alnum',
			'090d 32 alnum',
		].map((rotation): [string, unknown] => [
			`marked with ${JSON.stringify(rotation)}`,
			password({ rotation }),
		]),
	])('%s', (_what, metadata) => {
		expect(decide('ADMIN', metadata, now)).toEqual({ kind: 'none' });
	});
});

const rotations = fc.record({
	every: fc.oneof(
		fc.integer({ min: 1, max: 3650 }).map((days) => `${days}d`),
		fc.integer({ min: 1, max: 87_600 }).map((hours) => `${hours}h`),
	),
	generate: fc.record({
		length: fc.integer({ min: 8, max: 1024 }),
		charset: fc.constantFrom(...CHARSET_NAMES),
	}),
});

/** A password over time, with controllers that look at it. */
function historyOf(rotation: Rotation) {
	const every = parseEvery(rotation.every);
	let now = WRITTEN;
	const written = [WRITTEN];
	const last = (): number => written.at(-1) ?? 0;
	return {
		/** Whether it is due then. */
		pass: (ms: number): boolean => {
			now += ms;
			return every.ok && now - last() >= every.value;
		},
		write: (): void => void written.push(now),
		/** Several controllers look, and then write by check-and-set. Returns how many values were written. */
		look: (controllers: number): number => {
			const before = written.length;
			const metadata = password({ rotation: encodeRotation(rotation) }, { [before]: version(last()) });
			const seen = Array.from({ length: controllers }, () => decide('ADMIN', metadata, now));
			for (const one of seen) if (one.kind === 'due' && one.version === written.length) written.push(now);
			return written.length - before;
		},
	};
}

interface Step {
	readonly passes: number;
	readonly what: 'look' | 'two looks at once' | 'by hand';
}

/** Goes through the steps. Each look at a password that is due writes one value, and no other does. */
function replay(rotation: Rotation, steps: readonly Step[]): void {
	const history = historyOf(rotation);
	for (const { passes, what } of steps) {
		const isDue = history.pass(passes);
		if (what === 'by hand') history.write();
		else expect(history.look(what === 'look' ? 1 : 2)).toBe(isDue ? 1 : 0);
	}
}

describe('properties', () => {
	test('what is written as metadata is read as the same rotation', () => {
		fc.assert(
			fc.property(rotations, (rotation) => {
				expect(parseRotation(encodeRotation(rotation))).toEqual(rotation);
			}),
		);
	});

	test('a text that is no rotation is none: what is read would be written as exactly this text', () => {
		const almost = fc.stringMatching(/^[0-9]{0,6}[a-z]{0,2} [0-9]{0,12} ?[a-z-]{0,14}$/);
		fc.assert(
			fc.property(fc.oneof(fc.string(), almost), (text) => {
				const rotation = parseRotation(text);
				if (rotation !== undefined) expect(encodeRotation(rotation)).toBe(text);
			}),
		);
	});

	test('it is due if, and only if, its time has passed by the clock of Vault, whatever the clock here says', () => {
		const times = fc.integer({ min: -2_000 * DAY, max: 5_000 * DAY });
		fc.assert(
			fc.property(rotations, times, (rotation, after) => {
				const every = parseEvery(rotation.every);
				const { kind } = decide('ADMIN', password({ rotation: encodeRotation(rotation) }), WRITTEN + after);
				expect(kind).toBe(every.ok && after >= every.value ? 'due' : 'waits');
			}),
		);
	});

	test('looks at any times, by any number of controllers, with changes by hand: two values are never closer than its time', () => {
		const steps = fc.array(
			fc.record({
				passes: fc.integer({ min: 0, max: 400 * DAY }),
				what: fc.constantFrom<Step['what']>('look', 'look', 'look', 'two looks at once', 'by hand'),
			}),
			{ minLength: 1, maxLength: 60 },
		);
		fc.assert(fc.property(rotations, steps, replay));
	});

	test('metadata of anybody never fail it, and rotate nothing but a password with a rotation', () => {
		const times = fc.oneof(
			fc.constantFrom(
				'',
				'2027-01-01T00:00:00Z',
				'9999-12-31T23:59:59.999999999Z',
				'never',
				'-271821-04-20T00:00:00Z',
			),
			fc.string(),
		);
		const hostile = fc.record(
			{
				created_time: fc.oneof(times, fc.jsonValue()),
				current_version: fc.oneof(fc.constantFrom(0, 1, 2, 2 ** 53, -1, 1.5, 1e308), fc.jsonValue()),
				custom_metadata: fc.oneof(
					fc.record(
						{
							type: fc.constantFrom('password', 'generic', 'userpass', '__proto__'),
							name: fc.constantFrom('ADMIN', 'OTHER', ''),
							group: fc.constantFrom('s 1 1', 's 999999999 99', 's', 's 1e9 1'),
							rotation: fc.oneof(fc.constantFrom('1h 8 hex', '1s 32 alnum', '1h 99999 hex'), fc.string()),
							stamp: fc.oneof(fc.constantFrom('v1-a', `v${'9'.repeat(400)}-a`), fc.string()),
						},
						{ requiredKeys: [] },
					),
					fc.jsonValue(),
				),
				versions: fc.oneof(
					fc.dictionary(
						fc.constantFrom('1', '2', '9007199254740992', '-1', 'x', '__proto__'),
						fc.record({ created_time: times, deletion_time: times, destroyed: fc.boolean() }),
					),
					fc.jsonValue(),
				),
			},
			{ requiredKeys: [] },
		);
		fc.assert(
			fc.property(fc.oneof(hostile, fc.jsonValue()), fc.constantFrom('ADMIN', 'OTHER'), (metadata, key) => {
				const decision = decide(key, metadata, WRITTEN + 1_000 * DAY);
				if (decision.kind === 'none') return;
				const { custom_metadata: custom } = metadata as { custom_metadata: Record<string, unknown> };
				expect(custom).toMatchObject({ type: 'password', name: key });
				expect(parseRotation(custom['rotation'] as string)).toBeDefined();
			}),
			{ numRuns: 2_000 },
		);
	});
});
