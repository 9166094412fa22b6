/**
 * Lists with metadata: in one request where server and policy allow it, else one by one, with the same
 * result.
 */
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listSecrets } from '../../api/secrets/secrets.ts';
import { createVaultStore } from '../../api/store/vault.ts';
import { createHeadLists } from '../../api/store/vault-list-heads.ts';
import { startDevVault } from '../../dev/vault/start.ts';
import { openVaultClient } from '../../lib/vault/client.ts';
import { openSession } from '../../lib/vault/session.ts';
import { type OpenBao, startOpenBao, type VaultApi, vaultApi } from '../support/openbao.ts';
import {
	createToken,
	deleteSecret,
	destroySecret,
	must,
	putSecret,
	writePolicy,
} from '../support/openbao-setup.ts';
import {
	json,
	type ScriptedAnswer,
	type SeenRequest,
	startScriptedVault,
} from '../support/scripted-vault.ts';
import { apiToken, shippedPolicy } from './support/stores.ts';

const SHOP = { kind: 'deployment', deployment: 'shop' } as const;
const FOLDER = 'deployments/shop/secrets';
/** Names in more than one page; JavaScript's own names must be names like others. */
const KEYS = ['__proto__', 'constructor', ...Array.from({ length: 10 }, (_, i) => `KEY_${i}`)];
const PAGE = 5;

/** Fills a folder with secrets of every kind. */
async function fill(vault: VaultApi): Promise<void> {
	for (const key of KEYS) await putSecret(vault, `${FOLDER}/${key}`, 'first');
	await putSecret(vault, `${FOLDER}/KEY_1`, 'second');
	await must(vault, 'POST', `secret/metadata/${FOLDER}/KEY_1`, {
		body: { custom_metadata: { description: 'zwei – 二', stamp: 'abc' } },
	});
	await deleteSecret(vault, `${FOLDER}/KEY_2`);
	await destroySecret(vault, `${FOLDER}/KEY_3`, [1]);
	await must(vault, 'POST', `secret/metadata/${FOLDER}/BARE`, { body: { custom_metadata: { a: '1' } } });
	await must(vault, 'POST', `secret/metadata/${FOLDER}/LATER`, { body: { delete_version_after: '24h' } });
	await putSecret(vault, `${FOLDER}/LATER`, 'v');
	await putSecret(vault, `${FOLDER}/folder/KEY`, 'v');
	await putSecret(vault, `${FOLDER}/KEY_4/below`, 'v');
	await putSecret(vault, `${FOLDER}/no-key`, 'v');
}

/**
 * The requests of a list: 17 names and folders are three pages of five, and one of two. Keys that the API did
 * not describe may be of an unfinished creation, so it looks for journals.
 */
const WHOLE_LIST = [...Array.from({ length: 4 }, () => 'list-heads 200'), 'list 404'];

interface Access {
	readonly addr: string;
	readonly caPem?: string;
	readonly token: string;
}

/** The parts of the store, and the kinds and statuses of its requests to Vault. */
function open({ addr, caPem, token }: Access) {
	const endpoint = { address: addr, ca: caPem, tlsName: undefined, namespace: undefined, timeout: 10_000 };
	const client = openVaultClient(endpoint);
	const session = openSession(client, { kind: 'token', token }, pino({ level: 'silent' }));
	const requests: string[] = [];
	const access = {
		...{ client, session },
		observe: (kind: string, status: number) => void requests.push(`${kind} ${status}`),
	};
	const clock = { now: 0 };
	const options = { now: () => clock.now, page: PAGE };
	const store = {
		...createVaultStore({ ...access, mount: 'secret' }),
		...createHeadLists(access, (folder) => `secret/detailed-metadata/${folder}`, options),
	};
	return { store, requests, clock, close: client.close };
}

/** A proxy that answers lists of metadata by `answer`, and passes everything else on. */
function proxyOf(bao: OpenBao, answer: (request: SeenRequest) => ScriptedAnswer | undefined) {
	return startScriptedVault({
		upstream: bao,
		script: (request) => (request.path.includes('/detailed-metadata/') ? answer(request) : undefined),
	});
}

let bao: OpenBao;
let token: string;
beforeAll(async () => {
	bao = await startOpenBao();
	token = await apiToken(bao);
	await fill(bao);
});
afterAll(() => bao?.stop());

/** What the list has to be: one read of metadata for each key. */
async function expected() {
	const { store, close } = open({ ...bao, token });
	const listed = await listSecrets({ ...store, listHeads: () => Promise.resolve(undefined) }, [SHOP]);
	expect(listed.map(({ key }) => key)).toEqual([
		...KEYS.filter((key) => !['KEY_2', 'KEY_3'].includes(key) && key.startsWith('KEY')),
		...['LATER', '__proto__', 'constructor'],
	]);
	close();
	return listed;
}

test('with the shipped policy OpenBao gives a folder in pages, with custom metadata, deleted and destroyed versions', async () => {
	const { store, requests, close } = open({ ...bao, token });
	expect(await listSecrets(store, [SHOP])).toEqual(await expected());
	expect(requests).toEqual(WHOLE_LIST);
	const heads = await store.listHeads(FOLDER);
	expect([...(heads ?? [])].sort().map(([name]) => name)).toEqual(
		[...KEYS, 'BARE', 'LATER', 'no-key'].sort(),
	);
	for (const [name, head] of heads ?? []) expect(head, name).toEqual(await store.head(`${FOLDER}/${name}`));
	expect(heads?.get('KEY_1')).toMatchObject({ version: 2, metadata: { description: 'zwei – 二' } });
	close();
});

test('a folder that ends with a full page, and one that is not there', async () => {
	for (let i = 0; i < 2 * PAGE; i += 1) await putSecret(bao, `orgs/acme/secrets/KEY_${i}`, 'v');
	const { store, requests, close } = open({ ...bao, token });
	expect((await store.listHeads('orgs/acme/secrets'))?.size).toBe(2 * PAGE);
	expect(requests).toEqual(['list-heads 200', 'list-heads 200', 'list-heads 404']);
	expect(await store.listHeads('orgs/none/secrets')).toEqual(new Map());
	close();
});

test('a server of which it is not known yet is asked once more for a folder that is not there', async () => {
	const { store, requests, close } = open({ ...bao, token });
	expect(await listSecrets(store, [{ kind: 'org', org: 'none' }])).toEqual([]);
	expect(requests).toEqual(['list-heads 404', 'list 404']);
	expect(await listSecrets(store, [SHOP])).toEqual(await expected());
	expect(requests.slice(2)).toEqual(WHOLE_LIST);
	close();
});

describe('without such a list', () => {
	const invalid = { data: null, warnings: ['Invalid path for a versioned K/V secrets engine.'] };
	test.each<[string, ScriptedAnswer]>([
		['404 with a warning, as HashiCorp Vault', json(404, invalid)],
		['404 with an error', json(404, { errors: ['no handler for route'] })],
		['404 with a page', { status: 404, body: '<html>' }],
		['405', json(405, { errors: ['unsupported operation'] })],
		['400', json(400, { errors: ['bad request'] })],
		['403', json(403, { errors: ['permission denied'] })],
		['a list without metadata', json(200, { data: { keys: ['KEY_1'] } })],
		['metadata of another form', json(200, { data: { keys: ['A'], key_info: { A: { version: 1 } } } })],
	])('%s: the secrets are read one by one, and that is remembered for ten minutes', async (_name, answer) => {
		await using proxy = await proxyOf(bao, () => answer);
		const { store, clock, close } = open({ addr: proxy.addr, token });
		const asked = () => proxy.requests.filter(({ path }) => path.includes('/detailed-metadata/')).length;
		const all = await expected();
		expect(await listSecrets(store, [SHOP])).toEqual(all);
		expect(await listSecrets(store, [SHOP])).toEqual(all);
		expect(asked()).toBe(1);
		clock.now = 10 * 60_000;
		expect(await listSecrets(store, [SHOP])).toEqual(all);
		expect(asked()).toBe(2);
		close();
	});

	test('a policy without it is asked for again with the next token', async () => {
		const older = (await shippedPolicy()).replace(/^.*detailed-metadata.*$/gm, '');
		await writePolicy(bao, 'older', older);
		const first = await createToken(bao, ['older']);
		const client = openVaultClient({
			...{ address: bao.addr, ca: bao.caPem, tlsName: undefined, namespace: undefined, timeout: 10_000 },
		});
		let current = first;
		const session = { token: () => Promise.resolve(current), renewAfter: () => Promise.resolve(undefined) };
		const requests: string[] = [];
		const access = {
			...{ client, session: { ...session, close: () => undefined } },
			observe: (kind: string, status: number) => void requests.push(`${kind} ${status}`),
		};
		const store = createVaultStore({ ...access, mount: 'secret' });
		const all = await expected();
		expect(await listSecrets(store, [SHOP])).toEqual(all);
		expect(await listSecrets(store, [SHOP])).toEqual(all);
		expect(requests.filter((one) => one.startsWith('list-heads'))).toEqual(['list-heads 403']);
		current = token;
		expect(await listSecrets(store, [SHOP])).toEqual(all);
		expect(requests.slice(-2)).toEqual(['list-heads 200', 'list 404']);
		client.close();
	});

	test('the embedded Vault: custom metadata and deleted versions too', async () => {
		await using vault = await startDevVault();
		const { addr, caPem } = vault;
		const embedded = vaultApi(vault);
		await fill(embedded);
		const { store, requests, close } = open({ addr, caPem, token: vault.rootToken });
		const listed = await listSecrets(store, [SHOP]);
		const fields = ({ key, description }: (typeof listed)[number]) => ({ key, description });
		expect(listed.map(fields)).toEqual((await expected()).map(fields));
		expect(requests[0]).toBe('list-heads 404');
		const before = requests.length;
		await listSecrets(store, [SHOP]);
		expect(requests.slice(before).filter((one) => one.startsWith('list-heads'))).toEqual([]);
		close();
	});
});

describe('responses out of bounds', () => {
	test('a page that is too large is asked for with fewer names', async () => {
		const limits: number[] = [];
		const names = Array.from({ length: 200 }, (_, i) => `KEY_${String(i).padStart(3, '0')}`);
		const metadata = { created_time: '2026-01-01T00:00:00Z', current_version: 0 };
		await using proxy = await proxyOf(bao, ({ path }) => {
			const query = new URLSearchParams(path.replace(/^.*\?/, ''));
			const limit = Number(query.get('limit'));
			limits.push(limit);
			const after = query.get('after') ?? '';
			const page = names.filter((name) => name > after).slice(0, limit);
			if (page.length > 64) return { status: 200, body: 'x'.repeat(1024 * 1024), repeat: 17 };
			const details = Object.fromEntries(page.map((name) => [name, metadata]));
			return json(200, { data: { keys: page, key_info: details } });
		});
		const endpoint = { address: proxy.addr, ca: undefined, tlsName: undefined, namespace: undefined };
		const client = openVaultClient({ ...endpoint, timeout: 10_000 });
		const session = openSession(client, { kind: 'token', token }, pino({ level: 'silent' }));
		const access = { client, session, observe: () => undefined };
		const { listHeads } = createHeadLists(access, (folder) => `secret/detailed-metadata/${folder}`);
		expect([...((await listHeads(FOLDER)) ?? new Map()).keys()]).toEqual(names);
		expect(limits).toEqual([1024, 512, 256, 128, 64, 64, 64, 64]);
		client.close();
	});

	test('a server whose pages do not end is a failure', async () => {
		const keys = Array.from({ length: 1_024 }, (_, i) => `f${i}/`);
		const body = json(200, { data: { keys, key_info: {} } });
		await using proxy = await proxyOf(bao, () => body);
		const endpoint = { address: proxy.addr, ca: undefined, tlsName: undefined, namespace: undefined };
		const client = openVaultClient({ ...endpoint, timeout: 10_000 });
		const session = openSession(client, { kind: 'token', token }, pino({ level: 'silent' }));
		const access = { client, session, observe: () => undefined };
		const { listHeads } = createHeadLists(access, (folder) => `secret/detailed-metadata/${folder}`);
		await expect(listHeads(FOLDER)).rejects.toThrow('has more than 200000 names');
		expect(proxy.requests.filter(({ path }) => path.includes('/detailed-metadata/'))).toHaveLength(196);
		client.close();
	});
});
