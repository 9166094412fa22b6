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

	test('a write returns the number and the time of its version', async () => {
		const path = `${folder()}/KEY`;
		const first = await under.store.putVersion(path, { value: 'a' }, 0);
		const second = await under.store.putVersion(path, { value: 'b' }, 1);
		expect(await under.store.putVersion(path, { value: 'c' }, 1)).toBe('conflict');
		const head = await under.store.head(path);
		expect([first, second]).toMatchObject(
			(head?.versions ?? []).map(({ number, createdAt }) => ({ number, createdAt })),
		);
		expect(head?.versions).toHaveLength(2);
	});

	describe('versions', () => {
		/** A secret with two versions. */
		const secret = async (): Promise<string> => {
			const path = `${folder()}/KEY`;
			await under.store.put(path, { value: 'a' }, 0);
			await under.store.put(path, { value: 'b' }, 1);
			return path;
		};
		const states = async (path: string): Promise<readonly string[]> =>
			((await under.store.head(path))?.versions ?? []).map(({ deletedAt, destroyed }) =>
				destroyed ? 'destroyed' : deletedAt === undefined ? 'live' : 'deleted',
			);

		test('an update writes over the live version that is expected, and over no other', async () => {
			const path = await secret();
			expect(await under.store.update(path, { value: 'c' }, 1)).toBe('conflict');
			expect(await under.store.update(path, { value: 'c' }, 2)).toBe('written');
			expect(await under.store.head(path)).toMatchObject({ version: 3, live: true });
			expect(await under.store.update(`${folder()}/KEY`, { value: 'c' }, 0)).toBe('absent');
		});

		test('an update does not restore a deleted secret, though a write with the same number does', async () => {
			const path = await secret();
			await under.store.deleteVersion(path, 2);
			expect(await under.store.update(path, { value: 'c' }, 2)).toBe('absent');
			expect(await under.store.head(path)).toMatchObject({ version: 2, live: false });
			expect(await under.store.put(path, { value: 'c' }, 2)).toBe('written');
			expect(await under.store.head(path)).toMatchObject({ version: 3, live: true });
			expect(await states(path)).toEqual(['live', 'deleted', 'live']);
			const versions = (await under.store.head(path))?.versions;
			expect(versions?.map(({ afterDeletion }) => afterDeletion)).toEqual([false, false, true]);
			// A version that is deleted after its successor was written changes nothing.
			await under.store.deleteVersion(path, 1);
			const later = (await under.store.head(path))?.versions;
			expect(later?.map(({ afterDeletion }) => afterDeletion)).toEqual([false, false, true]);
		});

		test('a deleted version can be restored, and its deletion has a time', async () => {
			const path = await secret();
			await under.store.deleteVersion(path, 2);
			const head = await under.store.head(path);
			const { createdAt, deletedAt } = head?.versions.at(-1) ?? {};
			expect(deletedAt?.getTime()).toBeGreaterThanOrEqual(createdAt?.getTime() ?? Number.NaN);
			await under.store.undeleteVersion(path, 2);
			expect(await states(path)).toEqual(['live', 'live']);
			expect(await under.store.head(path)).toMatchObject({ version: 2, live: true });
		});

		test('a destroyed version stays destroyed, and version numbers go on', async () => {
			const path = await secret();
			await under.store.destroyVersions(path, [1, 2]);
			await under.store.undeleteVersion(path, 2);
			expect(await states(path)).toEqual(['destroyed', 'destroyed']);
			expect(await under.store.update(path, { value: 'c' }, 2)).toBe('absent');
			expect(await under.store.put(path, { value: 'c' }, 0)).toBe('conflict');
			expect(await under.store.put(path, { value: 'c' }, 2)).toBe('written');
			expect(await under.store.head(path)).toMatchObject({ version: 3, live: true });
		});

		test('a version or a secret that is not there is no error', async () => {
			const path = await secret();
			await under.store.deleteVersion(path, 7);
			await under.store.undeleteVersion(path, 7);
			await under.store.destroyVersions(path, [7]);
			expect(await states(path)).toEqual(['live', 'live']);
			const none = `${folder()}/KEY`;
			await under.store.deleteVersion(none, 1);
			await under.store.undeleteVersion(none, 1);
			await under.store.destroyVersions(none, [1]);
			expect(await under.store.head(none)).toBeUndefined();
		});

		test('of an update and a deletion at the same time, the update never restores what is deleted', async () => {
			for (let round = 0; round < 20; round += 1) {
				const path = await secret();
				const [updated] = await Promise.all([
					under.store.update(path, { value: 'c' }, 2),
					under.store.deleteVersion(path, 2),
				]);
				const head = await under.store.head(path);
				expect([updated, head?.version, head?.live]).toEqual(
					updated === 'written' ? ['written', 3, true] : ['absent', 2, false],
				);
			}
		});

		test('ten versions are kept', async () => {
			const path = await secret();
			for (let version = 2; version < 12; version += 1) await under.store.put(path, { value: 'v' }, version);
			const numbers = (await under.store.head(path))?.versions.map(({ number }) => number);
			expect(numbers).toEqual(Array.from({ length: 10 }, (_, i) => i + 3));
		});
	});

	test('a folder is read in pages, sorted by name', async () => {
		const at = folder();
		const names = Array.from({ length: 7 }, (_, i) => `KEY_${i}`);
		for (const name of names) await under.store.put(`${at}/${name}`, { value: 'v' }, 0);
		const pages: string[][] = [];
		let after: string | undefined;
		do {
			const page = await under.store.listHeadsPage(at, after, 3);
			pages.push([...(page?.heads.keys() ?? [])]);
			after = page?.next;
		} while (after !== undefined);
		expect(pages.filter((page) => page.length > 0)).toEqual([
			names.slice(0, 3),
			names.slice(3, 6),
			names.slice(6),
		]);
		const whole = await under.store.listHeadsPage(at, undefined, 100);
		expect([...(whole?.heads.keys() ?? [])]).toEqual(names);
		expect(whole?.next).toBeUndefined();
	});

	test('the store has every right that the API needs', async () => {
		expect(await under.store.missingRights()).toEqual([]);
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
