import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StoreFailure } from '../../api/store/store.ts';
import { BACKENDS, type StoreUnderTest } from './support/stores.ts';

describe.each(Object.entries(BACKENDS))('the store contract on %s', (_name, open) => {
	let under: StoreUnderTest;
	let counter = 0;
	/** A folder of the test's own. */
	const folder = () => `deployments/d${++counter}/secrets`;
	beforeAll(async () => {
		under = await open();
	});
	afterAll(() => under?.[Symbol.asyncDispose]());

	test('a new secret has version 1, a time and no metadata', async () => {
		const path = `${folder()}/KEY`;
		const before = Date.now();
		expect(await under.store.put(path, { value: 'v' }, 0)).toBe('written');
		const head = await under.store.head(path);
		expect(head).toMatchObject({ version: 1, live: true, metadata: {} });
		expect(Math.abs((head?.writtenAt.getTime() ?? 0) - before)).toBeLessThan(60_000);
	});

	test('a secret that was never written is absent', async () => {
		const path = `${folder()}/KEY`;
		expect(await under.store.head(path)).toBeUndefined();
		expect(await under.store.describe(path, { description: 'x' })).toBe(false);
		expect(await under.store.head(path)).toBeUndefined();
	});

	test('a version is written only over the version that is expected', async () => {
		const path = `${folder()}/KEY`;
		expect(await under.store.put(path, { value: 'a' }, 1)).toBe('conflict');
		expect(await under.store.put(path, { value: 'a' }, 0)).toBe('written');
		expect(await under.store.put(path, { value: 'b' }, 0)).toBe('conflict');
		expect(await under.store.put(path, { value: 'b' }, 1)).toBe('written');
		expect((await under.store.head(path))?.version).toBe(2);
	});

	test('of 50 concurrent writers that expect nothing there, one succeeds', async () => {
		const path = `${folder()}/KEY`;
		const outcomes = await Promise.all(
			Array.from({ length: 50 }, (_, i) => under.store.put(path, { value: `v${i}` }, 0)),
		);
		expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
	});

	test('metadata are set, kept when not named, and removed by null; values may be any printable text', async () => {
		const path = `${folder()}/KEY`;
		await under.store.put(path, { value: 'v' }, 0);
		expect(await under.store.describe(path, { a: '1', b: 'zwei – 二' })).toBe(true);
		expect(await under.store.describe(path, { b: null, c: 'x'.repeat(512) })).toBe(true);
		expect((await under.store.head(path))?.metadata).toEqual({ a: '1', c: 'x'.repeat(512) });
	});

	test('metadata outlive a new version', async () => {
		const path = `${folder()}/KEY`;
		await under.store.put(path, { value: 'v' }, 0);
		await under.store.describe(path, { a: '1' });
		await under.store.put(path, { value: 'w' }, 1);
		expect((await under.store.head(path))?.metadata).toEqual({ a: '1' });
	});

	test('metadata that are too long or empty are refused', async () => {
		const path = `${folder()}/KEY`;
		await under.store.put(path, { value: 'v' }, 0);
		await expect(under.store.describe(path, { a: 'x'.repeat(513) })).rejects.toThrow(StoreFailure);
	});

	test('a folder lists its secrets and, with a slash, its folders; one that is not there lists nothing', async () => {
		const name = `d${++counter}`;
		await under.store.put(`deployments/${name}/services/api/secrets/B`, { value: 'v' }, 0);
		await under.store.put(`deployments/${name}/services/web/secrets/A`, { value: 'v' }, 0);
		await under.store.put(`deployments/${name}/services/web/secrets/C`, { value: 'v' }, 0);
		expect(await under.store.list(`deployments/${name}/services`)).toEqual(['api/', 'web/']);
		expect(await under.store.list(`deployments/${name}/services/web/secrets`)).toEqual(['A', 'C']);
		expect(await under.store.list(`deployments/${name}/secrets`)).toEqual([]);
	});

	test('a removed secret leaves nothing, and can be written again as version 1', async () => {
		const path = `${folder()}/KEY`;
		await under.store.put(path, { value: 'v' }, 0);
		const created = (await under.store.head(path))?.createdAt.getTime() ?? Number.NaN;
		await under.store.put(path, { value: 'w' }, 1);
		await under.store.describe(path, { a: '1' });
		expect((await under.store.head(path))?.createdAt.getTime()).toBe(created);
		await under.store.remove(path);
		expect(await under.store.head(path)).toBeUndefined();
		await under.store.remove(path);
		expect(await under.store.put(path, { value: 'v' }, 0)).toBe('written');
		const head = await under.store.head(path);
		expect(head).toMatchObject({ version: 1, metadata: {} });
		expect(head?.createdAt.getTime()).toBeGreaterThanOrEqual(created);
	});

	test('values are read below templates/ and nowhere else', async () => {
		await under.store.put('templates/t/secrets/KEY', { value: 'v\n"' }, 0);
		expect(await under.store.read('templates/t/secrets/KEY')).toEqual({ value: 'v\n"' });
		expect(await under.store.read('templates/t/secrets/NONE')).toBeUndefined();
		for (const place of ['orgs/o', 'deployments/d', 'deployments/d/services/s', `users/${'0'.repeat(32)}`]) {
			await under.store.put(`${place}/secrets/KEY`, { value: 'v' }, 0);
			await expect(under.store.read(`${place}/secrets/KEY`)).rejects.toThrow(StoreFailure);
		}
	});

	test('the store reports that it is ready', async () => {
		await expect(under.store.check()).resolves.toBeUndefined();
	});
});
