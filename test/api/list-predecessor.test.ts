/** What lists tell of a secret that was written over a deleted one, before its own metadata are written. */
import { expect, test } from 'vitest';
import { searchPage, searchSecrets } from '../../api/secrets/search.ts';
import { folderOf, type SecretLocation } from '../../api/secrets/secret-location.ts';
import { createMemoryStore } from '../../api/store/memory.ts';
import type { Store } from '../../api/store/store.ts';

const acme: SecretLocation = { kind: 'org', org: 'acme' };
const EVERYTHING = {
	tag: undefined,
	type: undefined,
	text: undefined,
	expiresBy: undefined,
	deleted: false,
} as const;

/** A store with a secret that replaces a deleted one with a tag, and has no metadata of its own yet. */
async function storeWithSuccessor(): Promise<Store> {
	const store = createMemoryStore();
	const path = `${folderOf(acme)}/TOKEN`;
	expect(await store.putVersion(path, { value: 'old' }, 0)).not.toBe('conflict');
	await store.describe(path, { description: 'of the deleted one', tags: 'theirs' });
	await store.deleteVersion(path, 1);
	expect(await store.putVersion(path, { value: 'new' }, 1)).not.toBe('conflict');
	return store;
}

test.each([
	['a list', async (store: Store) => await searchSecrets(store, [acme], EVERYTHING)],
	['a page', async (store: Store) => (await searchPage(store, [acme], EVERYTHING, undefined)).secrets],
])('%s leaves out description and tags of the deleted secret', async (_what, list) => {
	expect(await list(await storeWithSuccessor())).toMatchObject([{ key: 'TOKEN', description: '', tags: [] }]);
});
