import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findWithAccess } from '../../../api/access/authorize.ts';
import { backfillAccess } from '../../../api/access/backfill.ts';
import {
	changeAccess,
	indexedForMembers,
	indexedForOrg,
	readAccess,
} from '../../../api/access/record-store.ts';
import type { Store } from '../../../api/store/store.ts';
import { BACKENDS, type StoreUnderTest } from '../support/stores.ts';

/** Registers a deployment as releases before there were members did. */
async function register(store: Store, name: string, owner: string, createdAt = '2026-01-01T00:00:00.000Z') {
	await store.put(`registry/deployments/${name}`, { marker: 'envtier' }, 0);
	await store.describe(`registry/deployments/${name}`, { owner, org: 'acme', created_at: createdAt });
	await store.put(`registry/owners/x/deployments/${name}`, { marker: 'envtier' }, 0);
}

describe.each(Object.entries(BACKENDS))('access records on %s', (_name, open) => {
	let under: StoreUnderTest;
	beforeAll(async () => {
		under = await open();
	});
	afterAll(() => under?.[Symbol.asyncDispose]());
	const found = (name: string) => findWithAccess({ store: under.store, accessMode: 'api' }, name);

	test('the owner of an earlier deployment is its manager, with and without the backfill', async () => {
		const { store } = under;
		await register(store, 'old', 'user:olga');
		const expected = {
			org: 'acme',
			owner: 'user:olga',
			members: [{ member: 'user:olga', role: 'manager' }],
		};
		expect((await found('old'))?.access).toMatchObject(expected);
		expect(await readAccess(store, 'old')).toBeUndefined();
		// An attempt in progress has no owner yet.
		await store.put('registry/deployments/claimed', { marker: 'envtier' }, 0);
		expect(await backfillAccess(store)).toBe(1);
		expect(await backfillAccess(store)).toBe(0);
		expect(await readAccess(store, 'old')).toMatchObject(expected);
		expect(await readAccess(store, 'claimed')).toBeUndefined();
		expect(await indexedForMembers(store, ['user:olga', 'group:none'])).toEqual(['old']);
		expect(await indexedForOrg(store, 'acme')).toEqual(['old']);
	});

	test('a backfill of several processes at once writes each record once, and no change is lost', async () => {
		const { store } = under;
		const names = ['one', 'two', 'three', 'four'];
		for (const name of names) await register(store, name, 'user:olga');
		const change = changeAccess(
			store,
			'one',
			(stored) => stored ?? { createdAt: '2026-01-01T00:00:00.000Z', org: 'acme', owner: 'o', members: [] },
			(record) => ({ ok: true, value: { ...record, owner: 'user:changed' } }),
		);
		const counts = await Promise.all([backfillAccess(store), backfillAccess(store), change.then(() => 0)]);
		expect(counts.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(names.length);
		for (const name of names) expect(await readAccess(store, name)).toBeDefined();
		expect((await readAccess(store, 'one'))?.owner).toBe('user:changed');
	});

	test('members of an earlier deployment are not members of a later one of the same name', async () => {
		const { store } = under;
		await register(store, 'again', 'user:first');
		await backfillAccess(store);
		await store.remove('registry/deployments/again');
		expect(await found('again')).toBeUndefined();
		await register(store, 'again', 'user:second', '2026-02-02T00:00:00.000Z');
		expect((await found('again'))?.access).toMatchObject({ owner: 'user:second' });
	});
});
