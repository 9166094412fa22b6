/**
 * A copy that fails at any step leaves a whole deployment or none. OpenBao is real; a proxy in front of it
 * injects the faults.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { must } from '../support/openbao-setup.ts';
import { until } from '../support/until.ts';
import { type ApiUnderTest, caller, startApi } from './support/api.ts';
import { vaultEnv } from './support/both.ts';
import { type StepFault, type StepProxy, startStepProxy } from './support/step-proxy.ts';

const alice = caller('user:alice');
const TEMPLATE = 'base';
const VALUES: Record<string, string> = {
	'secrets/SHARED': 'one',
	'services/web/secrets/TOKEN': 'two',
	'services/worker/secrets/QUEUE': 'three',
};

let bao: OpenBao;
let env: Record<string, string>;
/** How many requests a copy makes when nothing fails. */
let wholeCopy: readonly string[];

beforeAll(async () => {
	bao = await startOpenBao();
	env = await vaultEnv(bao);
	await using made = await behindProxy();
	const { api, proxy } = made;
	const service = (name: string, key: string) => ({ name, secrets: [{ key }] });
	const services = [service('web', 'TOKEN'), service('worker', 'QUEUE')];
	await api.send('POST', '/api/templates', { as: alice, body: { name: TEMPLATE, services } });
	for (const [path, value] of Object.entries(VALUES)) {
		const [, serviceName = ''] = /^services\/([^/]+)/.exec(path) ?? [];
		const body = { key: path.split('/').at(-1), value, serviceName, deploymentName: `template:${TEMPLATE}` };
		expect((await api.send('POST', '/api/secrets', { as: alice, body })).status).toBe(201);
	}
	proxy.setFault(() => 'pass');
	const body = { name: 'whole', org: 'acme', template: TEMPLATE };
	expect((await api.send('POST', '/api/deployments', { as: alice, body })).status).toBe(201);
	wholeCopy = proxy.steps();
});
afterAll(() => bao?.stop());

interface Behind extends AsyncDisposable {
	readonly api: ApiUnderTest;
	readonly proxy: StepProxy;
}

/** An API of its own whose way to OpenBao leads through a proxy of its own. */
async function behindProxy(): Promise<Behind> {
	const proxy = await startStepProxy(bao);
	const api = await startApi({ env: { ...env, ENVTIER_VAULT_ADDR: proxy.addr }, callers: [alice] });
	return {
		api,
		proxy,
		[Symbol.asyncDispose]: async () => {
			await api[Symbol.asyncDispose]();
			await proxy[Symbol.asyncDispose]();
		},
	};
}

async function pathsBelow(folder: string): Promise<string[]> {
	const answer = await bao.request('GET', `secret/metadata/${folder}?list=true`);
	const keys = answer.status === 404 ? [] : (answer.json as { data: { keys: string[] } }).data.keys;
	const below = keys.map((key) =>
		key.endsWith('/') ? pathsBelow(`${folder}${key}`) : Promise.resolve([`${folder}${key}`]),
	);
	return (await Promise.all(below)).flat();
}

async function stateOf(name: string) {
	const marker = await bao.request('GET', `secret/metadata/registry/deployments/${name}`);
	const metadata = (marker.json as { data?: { custom_metadata?: object } } | undefined)?.data
		?.custom_metadata;
	return {
		registered: marker.status === 200 ? (metadata ?? {}) : undefined,
		secrets: await pathsBelow(`deployments/${name}/`),
		journal: (await pathsBelow('templates/_journal/')).filter((path) => path.endsWith(`/${name}`)),
	};
}

/**
 * Creates a deployment under a fault, ends the fault, and waits until it is either all there or not at all.
 */
async function attempt(
	name: string,
	fault: (step: number) => StepFault,
): Promise<{ status: number; made: boolean }> {
	await using behind = await behindProxy();
	const { api, proxy } = behind;
	// The first look for what was left behind is not part of the copy.
	await until('the first sweep', () => proxy.steps().some((step) => step.includes('_journal')));
	proxy.setFault(fault);
	const body = { name, org: 'acme', template: TEMPLATE };
	const { status } = await api.send('POST', '/api/deployments', { as: alice, body });
	proxy.setFault(() => 'pass');
	const made = await until(
		`${name} to be whole or gone (status ${status})`,
		async () => {
			const state = await stateOf(name);
			if (state.journal.length > 0) return undefined;
			const whole =
				state.registered !== undefined && 'owner' in state.registered && state.secrets.length === 3;
			const gone = state.registered === undefined && state.secrets.length === 0;
			return whole ? { made: true } : gone ? { made: false } : undefined;
		},
		{ timeoutMs: 120_000 },
	);
	if (!made.made) {
		// The name is free again, and a second try succeeds.
		const again = await api.send('POST', '/api/deployments', { as: alice, body });
		expect(again.status, `${name}: ${again.text}`).toBe(201);
	}
	return { status, made: made.made };
}

const KINDS: Record<string, (at: number, step: number) => StepFault> = {
	'one request is cut before it reaches Vault': (at, step) => (step === at ? 'cut-before' : 'pass'),
	'one answer of Vault is lost': (at, step) => (step === at ? 'cut-after' : 'pass'),
	'one request fails with 500': (at, step) => (step === at ? 'error' : 'pass'),
	'Vault fails from one request on': (at, step) => (step >= at ? 'error' : 'pass'),
	'an answer is lost and Vault is away from then on': (at, step) =>
		step < at ? 'pass' : step === at ? 'cut-after' : 'cut-before',
};

describe.each(Object.entries(KINDS))('%s', (kind, fault) => {
	test('at every step of the copy: a whole deployment or none', { timeout: 400_000 }, async () => {
		expect(wholeCopy.length).toBeGreaterThan(15);
		const prefix = `d${Object.keys(KINDS).indexOf(kind)}`;
		const queue = wholeCopy.map((_, i) => i + 1);
		const outcomes = new Map<number, { status: number; made: boolean }>();
		const worker = async (): Promise<void> => {
			for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
				const at = step;
				outcomes.set(at, await attempt(`${prefix}-${at}`, (number) => fault(at, number)));
			}
		};
		await Promise.all(Array.from({ length: 5 }, worker));
		expect(outcomes.size).toBe(wholeCopy.length);
		for (const [step, { status, made }] of outcomes) {
			expect([201, 500], `step ${step}: ${wholeCopy[step - 1]}`).toContain(status);
			// What was answered is what is there; the last step's lost answer may hide a success.
			if (status === 201) expect(made, `step ${step}`).toBe(true);
		}
		// The faults did something.
		expect([...outcomes.values()].some(({ status }) => status === 500)).toBe(true);
		for (const [path, value] of Object.entries(VALUES)) {
			const read = await must(bao, 'GET', `secret/data/templates/${TEMPLATE}/${path}`);
			expect(read).toMatchObject({ data: { data: { value }, metadata: { version: 1 } } });
		}
	});
});

test('what a process that died left behind is undone by the next one', { timeout: 120_000 }, async () => {
	const name = 'orphan';
	await using behind = await behindProxy();
	const { proxy } = behind;
	await until('the first sweep', () => proxy.steps().some((step) => step.includes('_journal')));
	// Down in the middle, and the process goes away without another word.
	// By its name: requests of the sweep count, too.
	let down = false;
	proxy.setFault((_, step) => {
		down ||= step.includes('registry/owners/');
		return down ? 'cut-before' : 'pass';
	});
	const body = { name, org: 'acme', template: TEMPLATE };
	expect((await behind.api.send('POST', '/api/deployments', { as: alice, body })).status).toBe(500);
	await behind[Symbol.asyncDispose]();
	const left = await stateOf(name);
	expect(left.journal).toHaveLength(1);
	expect(left.secrets.length).toBeGreaterThan(0);
	// Another process that starts now leaves it alone: whoever made it may still be at work.
	await using soon = await startApi({ env, callers: [alice] });
	expect((await soon.send('POST', '/api/deployments', { as: alice, body })).status).toBe(409);
	expect(await stateOf(name)).toEqual(left);
	// One that looks later undoes it, and the name is free.
	await using later = await startApi({ env, callers: [alice], now: () => new Date(Date.now() + 600_000) });
	await until('the leftovers to be gone', async () => (await stateOf(name)).journal.length === 0);
	expect(await stateOf(name)).toEqual({ registered: undefined, secrets: [], journal: [] });
	expect((await later.send('POST', '/api/deployments', { as: alice, body })).status).toBe(201);
});

test('nothing that was answered is lost when Vault restarts in between', { timeout: 120_000 }, async () => {
	await using durable = await startOpenBao({ durable: true });
	await using api = await startApi({ env: await vaultEnv(durable), callers: [alice] });
	const made: string[] = [];
	let stop = false;
	const writing = (async () => {
		for (let i = 0; !stop; i += 1) {
			const body = { key: `K${i}`, value: 'v' };
			const { status } = await api.send('POST', '/api/secrets', { as: alice, body });
			if (status === 201) made.push(body.key);
			else expect(status).toBe(500);
		}
	})();
	await until('some secrets', () => made.length > 20);
	await durable.kill();
	await durable.start();
	const before = made.length;
	await until('more secrets', () => made.length > before + 20, { timeoutMs: 60_000 });
	stop = true;
	await writing;
	const listed = (await api.send('GET', '/api/secrets', { as: alice })).json as { key: string }[];
	expect(listed.map((one) => one.key)).toEqual(expect.arrayContaining(made));
});
