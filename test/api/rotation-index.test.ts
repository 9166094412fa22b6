import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store } from '../../api/store/store.ts';
import { countRotations, indexed } from '../../api/typed/rotation-index.ts';
import { indexEntryOf, ROTATIONS } from '../../lib/kv/rotation-index.ts';
import { BACKENDS, type StoreUnderTest } from './support/stores.ts';

const HOUR = 3_600_000;

describe.each(Object.entries(BACKENDS))('the index of rotations in %s', (_name, open) => {
	let backend: StoreUnderTest;
	let store: Store;
	beforeAll(async () => {
		backend = await open();
		store = backend.store;
	});
	afterAll(() => backend?.[Symbol.asyncDispose]());

	const at = (hours: number): Date => new Date(Date.now() + hours * HOUR);
	const ref = (key: string) => ({ location: { kind: 'org', org: 'acme' } as const, key });
	const path = (key: string): string => `orgs/acme/secrets/${key}`;
	const entry = (key: string): string => `${ROTATIONS}/${indexEntryOf(path(key))}`;
	const write = async (key: string, rotation: string | null): Promise<void> => {
		await store.put(path(key), { value: 'v' }, (await store.head(path(key)))?.version ?? 0);
		await indexed(store, ref(key), () =>
			store.describe(path(key), { type: 'password', name: key, group: 's 1 1', rotation }),
		);
	};

	test('counts passwords that wait and that are overdue, and forgets the others', async () => {
		await write('WAITS', '90d 32 alnum');
		await write('HOURLY', '1h 32 alnum');
		await write('ENDED', null);
		await write('DELETED', '1h 32 alnum');
		await store.deleteVersion(path('DELETED'), 1);
		expect(await countRotations(store, at(0))).toEqual({ waiting: 2, overdue: 0 });
		expect(await store.head(entry('ENDED'))).toBeDefined();
		expect(await countRotations(store, at(3))).toEqual({ waiting: 1, overdue: 1 });
		// An hour after its due time; and an entry without a rotation is removed when it is old.
		expect(await store.head(entry('ENDED'))).toBeUndefined();
		// It may be undeleted.
		expect(await store.head(entry('DELETED'))).toBeDefined();
		await store.remove(path('DELETED'));
		await countRotations(store, at(3));
		expect(await store.head(entry('DELETED'))).toBeUndefined();
	});

	test('an entry that a count removes while the rotation is set is there in the end', async () => {
		await write('RACE', null);
		await indexed(store, ref('RACE'), async () => {
			await countRotations(store, at(3));
			expect(await store.head(entry('RACE'))).toBeUndefined();
			await store.describe(path('RACE'), { rotation: '1h 32 alnum' });
		});
		expect((await store.head(entry('RACE')))?.metadata).toMatchObject({
			kind: 'org',
			name: 'acme',
			key: 'RACE',
		});
	});

	test('setting a rotation again makes its entry young again', async () => {
		await write('AGAIN', '1h 32 alnum');
		const first = (await store.head(entry('AGAIN')))?.version;
		await write('AGAIN', '2h 32 alnum');
		expect((await store.head(entry('AGAIN')))?.version).toBe((first ?? 0) + 1);
	});
});
