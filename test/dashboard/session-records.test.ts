/** The records of sessions, on each store: sealed, bounded, removed; and what two replicas do with one. */
import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tidySessions } from '../../api/session/oidc/background.ts';
import { keepRecords, type SessionRecord } from '../../api/session/oidc/records.ts';
import type { SealingKeys } from '../../api/session/oidc/sealed.ts';
import { createMemoryStore } from '../../api/store/memory.ts';
import { RequestFailure } from '../../lib/vault/request-failure.ts';
import { BACKENDS, type StoreUnderTest } from '../api/support/stores.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;
const FOLDER = 'registry/sessions';
const record = (name: string): SessionRecord => ({
	...{ taken: 1, claims: { sub: name }, renewal: undefined },
	...{ refreshToken: `canary-refresh-${name}`, idToken: `canary-id-${name}` },
});
const onRemoved = (): void => undefined;
const newKeys = (): SealingKeys => [randomBytes(32)];

describe.each(Object.entries(BACKENDS))('on %s', (_name, open) => {
	let under: StoreUnderTest;
	beforeAll(async () => {
		under = await open();
	});
	afterAll(() => under?.[Symbol.asyncDispose]());

	/** Records with keys of their own, at a time that can change. */
	function start(keys = newKeys()) {
		let now = Date.now();
		const removed: string[] = [];
		const onRemoved = (token: string): void => void removed.push(token);
		const records = keepRecords({ store: under.store, keys, now: () => new Date(now), onRemoved });
		const begin = async (person: string, hours = 8): Promise<string> => {
			const sid = await records.begin(person, now + hours * HOUR, record(person));
			if (!sid.ok) throw new Error(sid.error.message);
			return sid.value;
		};
		const later = (hours: number): void => {
			now += hours * HOUR;
		};
		return { records, begin, later, removed };
	}

	test('a record is sealed, and opens for its own session and with its own keys alone', async () => {
		const { records, begin } = start();
		const [ada, eve] = [await begin('ada'), await begin('eve')];
		expect(await records.read(ada)).toEqual({ record: record('ada'), version: 1 });
		const stored = await under.store.read(`${FOLDER}/${ada}`);
		expect(Object.keys(stored ?? {})).toEqual(['sealed']);
		expect(JSON.stringify(stored)).not.toMatch(/canary|ada/);
		// Whoever may write to the store puts Ada's record in the place of their own.
		expect(await under.store.put(`${FOLDER}/${eve}`, stored ?? {}, 1)).toBe('written');
		expect(await records.read(eve)).toBeUndefined();
		expect(await start().records.read(ada)).toBeUndefined();
		// Without the keys nobody makes a record.
		await under.store.put(`${FOLDER}/${eve}`, { sealed: JSON.stringify(record('ada')) }, 2);
		expect(await records.read(eve)).toBeUndefined();
	});

	test('of two replicas that replace one version, one succeeds; what has ended stays so', async () => {
		const keys = newKeys();
		const [one, two] = [start(keys), start(keys)];
		const sid = await one.begin('bob');
		const writes = [one, two].map(({ records }) => records.replace(sid, record('bob'), 1));
		expect((await Promise.all(writes)).sort()).toEqual(['conflict', 'written']);
		expect(await two.records.isHeld(sid)).toBe(true);
		await one.records.end(sid);
		expect(await two.records.isHeld(sid)).toBe(false);
		expect(await two.records.replace(sid, record('bob'), 2)).toBe('conflict');
		expect(await two.records.read(sid)).toBeUndefined();
		await one.records.end(sid);
	});

	test('one person has ten sessions: the one that would end first makes room', async () => {
		const { records, begin, later, removed } = start();
		const other = await begin('carol');
		const sids: string[] = [];
		for (let count = 1; count <= 11; count++) {
			later(0.01);
			sids.push(await begin('dave'));
		}
		const held = await Promise.all(sids.map((sid) => records.isHeld(sid)));
		expect(held).toEqual([false, ...Array.from({ length: 10 }, () => true)]);
		expect(await records.isHeld(other)).toBe(true);
		// Nobody signed out of it, so its token is revoked for them.
		expect(removed).toEqual(['canary-refresh-dave']);
	});

	test('the records of sessions that are over are removed, and no others', async () => {
		const { records, begin, later, removed } = start();
		const [short, long] = [await begin('fay', 1), await begin('gus', 8)];
		later(1.01);
		expect(await records.purge()).toBeGreaterThan(0);
		expect(await records.isHeld(short)).toBe(false);
		expect(await records.isHeld(long)).toBe(true);
		expect(await records.purge()).toBe(0);
		expect(removed).toEqual(['canary-refresh-fay']);
	});

	test.each(['', 'x', '../access/orgs/acme', `1234567890-${'0'.repeat(16)}-${'0'.repeat(36)}/x`])(
		'the id %j names no record',
		async (sid) => {
			const { records } = start();
			expect(await records.read(sid)).toBeUndefined();
			expect(await records.isHeld(sid)).toBe(false);
			await records.end(sid);
		},
	);
});

test('sessions that are over are removed by themselves, and a session that could not end ends later', async () => {
	const [store, now] = [createMemoryStore(), () => new Date()];
	const records = keepRecords({ store, keys: newKeys(), now, onRemoved });
	await store.put(`${FOLDER}/1000000000-${'0'.repeat(16)}-${'0'.repeat(36)}`, { sealed: '' }, 0);
	const ends = Date.now() + HOUR;
	const [ada, bob] = [
		await records.begin('ada', ends, record('ada')),
		await records.begin('bob', ends, record('bob')),
	];
	if (!ada.ok || !bob.ok) throw new Error('the sessions did not begin');
	let away = true;
	const end = async (sid: string): Promise<void> => {
		if (away) throw new RequestFailure('unreachable', 'the store is away');
		await records.end(sid);
	};
	const parts = { records: { ...records, end }, log: pino({ level: 'silent' }), now };
	const background = tidySessions(parts, { first: 1, purge: HOUR, end: 5 });
	background.endLater(ada.value, ends);
	await until('the removal', async () => (await store.list(FOLDER)).length === 2);
	expect(await records.isHeld(ada.value)).toBe(true);
	away = false;
	await until('the end', async () => !(await records.isHeld(ada.value)));
	expect(await records.isHeld(bob.value)).toBe(true);
	background.stop();
});

describe('the bound of all sessions', () => {
	test('the 5,001st person is refused, until some sessions are over', async () => {
		const store = createMemoryStore();
		let now = Date.now();
		const records = keepRecords({ store, keys: newKeys(), now: () => new Date(now), onRemoved });
		const ends = now + HOUR;
		for (let count = 0; count < 4_999; count++) {
			const person = count.toString(16).padStart(16, '0');
			await store.put(`${FOLDER}/${Math.floor(ends / 1000)}-${person}-${'0'.repeat(36)}`, { sealed: '' }, 0);
		}
		expect((await records.begin('last', ends, record('last'))).ok).toBe(true);
		expect(await records.begin('one more', ends, record('x'))).toMatchObject({ error: { status: 503 } });
		expect((await store.list(FOLDER)).length).toBe(5_000);
		now = ends + 1_000;
		expect((await records.begin('one more', now + HOUR, record('x'))).ok).toBe(true);
		expect((await store.list(FOLDER)).length).toBe(1);
	});

	test('an id token that is too long is left out; a refresh token that is too long is refused', async () => {
		const records = keepRecords({
			store: createMemoryStore(),
			keys: newKeys(),
			now: () => new Date(),
			onRemoved,
		});
		const ends = Date.now() + HOUR;
		const long = 'x'.repeat(30_000);
		const sid = await records.begin('ada', ends, { ...record('ada'), idToken: long });
		if (!sid.ok) throw new Error(sid.error.message);
		const found = await records.read(sid.value);
		expect(found?.record).toMatchObject({ refreshToken: 'canary-refresh-ada', idToken: undefined });
		const refused = await records.begin('ada', ends, { ...record('ada'), refreshToken: long });
		expect(refused).toMatchObject({ error: { status: 403, message: expect.stringContaining('too long') } });
	});
});
