/**
 * The API as it ships is killed (SIGKILL) before each of its requests to a real OpenBao. A creation of a
 * typed secret leaves all keys or none; a change is told, and finished by a repetition.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { journalId } from '../../api/typed/journal.ts';
import { call } from '../support/http.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { must } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { startApiProcess } from './support/process.ts';
import { startStepProxy } from './support/step-proxy.ts';

const alice = caller('user:alice');
const AT_ONCE = 3;

let bao: OpenBao;
let env: Record<string, string>;
let api: ApiUnderTest;

beforeAll(async () => {
	bao = await startOpenBao();
	env = await vaultEnv(bao);
	api = await startApi({ env, callers: [alice] });
});
afterAll(async () => {
	await api?.[Symbol.asyncDispose]();
	await bao?.stop();
});

interface Listed {
	readonly id: string;
	readonly key: string;
	readonly incomplete?: { readonly written: number; readonly of: number };
}

async function deployment(name: string): Promise<string> {
	const made = await api.send('POST', '/api/deployments', { as: alice, body: { name, org: 'acme' } });
	expect(made.status, made.text).toBe(201);
	return name;
}

async function list(deploymentName: string, at = api): Promise<readonly Listed[]> {
	const answer = await at.send('GET', `/api/secrets?deployment=${deploymentName}`, { as: alice });
	return answer.json as readonly Listed[];
}

/** The keys of `DB` in Vault: of each its version and what its metadata say about the group. */
async function keysInVault(deploymentName: string): Promise<readonly string[]> {
	const found = await Promise.all(
		['USERNAME', 'PASSWORD'].map(async (suffix) => {
			const path = `secret/metadata/deployments/${deploymentName}/secrets/DB_${suffix}`;
			const answer = await bao.request('GET', path);
			if (answer.status === 404) return [];
			const { data } = answer.json as { data: { custom_metadata: { group?: string } | null } };
			return [data.custom_metadata?.group ?? ''];
		}),
	);
	return found.flat();
}

/** Every place that shows keys, and what it says of each that it shows. */
async function shownBy(deploymentName: string): Promise<Readonly<Record<string, readonly Listed[]>>> {
	const get = async (path: string) => (await api.send('GET', path, { as: alice })).json;
	const of = `/api/secrets?deployment=${deploymentName}`;
	const listed = (await get(of)) as readonly Listed[];
	const grid = await get(`/api/deployments/${deploymentName}/grid`);
	return {
		list: listed,
		page: (await get(`${of}&page=`)) as readonly Listed[],
		search: (await get(`${of}&type=userpass&q=db_`)) as readonly Listed[],
		secret: await Promise.all(listed.map(async ({ id }) => (await get(`/api/secrets/${id}`)) as Listed)),
		effective: ((await get(`/api/effective?deployment=${deploymentName}`)) as { secrets: Listed[] }).secrets,
		grid: (grid as { cells: Listed[] }).cells,
	};
}

/** Half a typed secret is told wherever its keys are shown, and a whole one is not called incomplete. */
async function checkTold(deploymentName: string): Promise<'half' | 'other'> {
	const inVault = await keysInVault(deploymentName);
	const shown = await shownBy(deploymentName);
	// The last request of the killed process may have arrived in between.
	if (String(await keysInVault(deploymentName)) !== String(inVault)) return await checkTold(deploymentName);
	const written = inVault.filter((group) => group !== '').length;
	const incomplete = written === 2 || inVault.length === 0 ? undefined : { written, of: 2 };
	for (const [place, keys] of Object.entries(shown))
		expect([place, keys.map((key) => key.incomplete)]).toEqual([place, inVault.map(() => incomplete)]);
	return incomplete === undefined ? 'other' : 'half';
}

async function readValue(deploymentName: string, key: string): Promise<string> {
	const answer = await must(bao, 'GET', `secret/data/deployments/${deploymentName}/secrets/${key}`);
	return (answer as { data: { data: { value: string } } }).data.data.value;
}

async function journals(): Promise<readonly string[]> {
	const answer = await bao.request('GET', 'secret/metadata/templates/_typed?list=true');
	return answer.status === 404 ? [] : (answer.json as { data: { keys: string[] } }).data.keys;
}

interface Sent {
	readonly method: string;
	readonly body: object;
	readonly key: string;
	readonly secret: { readonly deployment: string; readonly type: 'userpass' | 'tls'; readonly name: string };
}

/**
 * Sends a call to a process of its own, and kills the process when it sends request number `at` of this call.
 * False when the call has fewer requests, and so was answered.
 */
async function isKilledAt(at: number, { method, body, key, secret }: Sent): Promise<boolean> {
	const { deployment: name, ...typed } = secret;
	const journal = journalId({ location: { kind: 'deployment', deployment: name }, ...typed });
	await using proxy = await startStepProxy(bao);
	await using running = await startApiProcess({ ...env, ENVTIER_VAULT_ADDR: proxy.addr }, [alice]);
	let killed = false;
	let number = 0;
	proxy.setFault((_, step) => {
		// Other requests are of the sweep, or of the API's own token.
		if (!step.includes(`deployments/${name}`) && !step.includes(journal)) return 'pass';
		number += 1;
		if (number < at) return 'pass';
		killed = true;
		running.process.signal('SIGKILL');
		return 'hold';
	});
	const headers = { authorization: `Bearer ${alice.key}`, 'idempotency-key': key };
	const sent = { method, body, headers, caPem: running.authority.certPem };
	const answered = await call({ url: `${running.url}/api/secrets`, ...sent }).then(
		() => true,
		() => false,
	);
	expect(answered).toBe(!killed);
	return killed;
}

/** Runs `attempt` for 1, 2, … until one is false, some at the same time. Returns how many were true. */
async function forEachStep(attempt: (at: number) => Promise<boolean>): Promise<number> {
	let next = 1;
	let last = Number.POSITIVE_INFINITY;
	const worker = async (): Promise<void> => {
		while (next < last) {
			const at = next;
			next += 1;
			if (!(await attempt(at))) last = Math.min(last, at);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	return last - 1;
}

test('killed at any step of a creation: all keys or none, and a repetition creates them', {
	timeout: 400_000,
}, async () => {
	const bodyOf = (at: number) => ({
		type: 'userpass',
		name: 'DB',
		fields: { username: 'shop' },
		deploymentName: `create-${at}`,
	});
	const told: Partial<Record<'half' | 'other', number>> = {};
	const steps = await forEachStep(async (at) => {
		await deployment(`create-${at}`);
		const killed = await isKilledAt(at, {
			...{ method: 'POST', body: bodyOf(at), key: 'once' },
			secret: { deployment: `create-${at}`, type: 'userpass', name: 'DB' },
		});
		const state = await checkTold(`create-${at}`);
		told[state] = (told[state] ?? 0) + 1;
		return killed;
	});
	expect(told.half).toBeGreaterThan(2);
	expect(steps).toBeGreaterThan(10);
	// Something was left behind to undo.
	expect((await journals()).length).toBeGreaterThan(3);
	// A process that looks soon leaves it alone: whoever made it may still be at work.
	const half = [];
	for (let at = 1; at <= steps; at += 1) {
		const found = await list(`create-${at}`);
		if (found.some(({ incomplete }) => incomplete !== undefined)) half.push(at);
	}
	expect(half.length).toBeGreaterThan(0);
	const busy = await api.send('POST', '/api/secrets', { as: alice, body: bodyOf(half[0] ?? 0) });
	expect(busy.status).toBe(409);

	const now = () => new Date(Date.now() + 600_000);
	await using later = await startApi({ env, callers: [alice], now });
	await until('the leftovers to be gone', async () => (await journals()).length === 0);
	const counts = new Set<number>();
	for (let at = 1; at <= steps; at += 1) {
		const found = await list(`create-${at}`, later);
		expect([0, 2], `step ${at}`).toContain(found.length);
		expect(found.filter(({ incomplete }) => incomplete !== undefined)).toEqual([]);
		counts.add(found.length);
		const headers = { 'idempotency-key': 'once' };
		const again = await later.send('POST', '/api/secrets', { as: alice, body: bodyOf(at), headers });
		expect(again.status, `step ${at}: ${again.text}`).toBe(201);
		expect(await list(`create-${at}`, later)).toHaveLength(2);
	}
	expect([...counts].sort()).toEqual([0, 2]);
});

test('killed at any step of a change: the list tells how far it came, and a repetition finishes it', {
	timeout: 600_000,
}, async () => {
	const KEYS = 5;
	const changes = new Map<number, object>();
	const steps = await forEachStep(async (at) => {
		const deploymentName = await deployment(`change-${at}`);
		const generate = { hosts: ['db'], days: 10 };
		const body = { type: 'tls', name: 'DB', generate, deploymentName };
		const made = await api.send('POST', '/api/secrets', { as: alice, body });
		expect(made.status, made.text).toBe(201);
		const { secrets } = made.json as { secrets: readonly Listed[] };
		const change = { id: secrets[0]?.id, generate: { hosts: ['db'], days: 20 } };
		changes.set(at, change);
		return await isKilledAt(at, {
			...{ method: 'PUT', body: change, key: 'renew' },
			secret: { deployment: deploymentName, type: 'tls', name: 'DB' },
		});
	});
	expect(steps).toBeGreaterThan(15);
	const told = new Set<string>();
	for (let at = 1; at <= steps; at += 1) {
		const name = `change-${at}`;
		const states = (await list(name)).map(({ incomplete }) => incomplete);
		expect(states).toHaveLength(KEYS);
		// All keys tell the same.
		expect(new Set(states.map((state) => JSON.stringify(state))).size).toBe(1);
		const [state] = states;
		told.add(state === undefined ? 'whole' : `${state.written} of ${state.of}`);
		const send = (key: string) =>
			api.send('PUT', '/api/secrets', {
				as: alice,
				body: changes.get(at),
				headers: { 'idempotency-key': key },
			});
		if (state !== undefined) {
			const other = await send('other');
			expect(other).toMatchObject({
				status: 409,
				json: { error: expect.stringContaining('Idempotency-Key') },
			});
		}
		const before = await readValue(name, 'DB_CA_CERT');
		const finished = await send('renew');
		expect(finished.status, `step ${at}: ${finished.text}`).toBe(200);
		expect((await list(name)).filter(({ incomplete }) => incomplete !== undefined)).toEqual([]);
		const trusted = await readValue(name, 'DB_CA_CERT');
		// Pods that got what was there before trust what is there now, and the other way round.
		expect(trusted).toContain(before.slice(-200));
		const authorities = trusted.split(/(?=-----BEGIN)/).map((pem) => new X509Certificate(pem));
		for (const end of ['SERVER', 'CLIENT']) {
			const leaf = new X509Certificate(await readValue(name, `DB_${end}_CERT`));
			expect(leaf.checkPrivateKey(createPrivateKey(await readValue(name, `DB_${end}_KEY`)))).toBe(true);
			expect(authorities.some((ca) => leaf.verify(ca.publicKey))).toBe(true);
		}
	}
	// Each number of keys was met. Between a value and its metadata the key counts as not written.
	for (let written = 1; written < KEYS; written += 1) expect([...told]).toContain(`${written} of ${KEYS}`);
	expect([...told]).toContain('whole');
});

test('a write by other means is told as well', async () => {
	const deploymentName = await deployment('foreign');
	const fields = { username: 'shop' };
	const body = { type: 'userpass', name: 'DB', fields, deploymentName };
	expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
	const path = `secret/data/deployments/${deploymentName}/secrets/DB_PASSWORD`;
	await must(bao, 'POST', path, { body: { data: { value: 'test-only' } } });
	const listed = await list(deploymentName);
	expect(listed.map(({ incomplete }) => incomplete)).toEqual([
		{ written: 1, of: 2 },
		{ written: 1, of: 2 },
	]);
});
