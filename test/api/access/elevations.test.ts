/** An approval meets another change of the same elevation: two Reveal programs on a real OpenBao. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiUnderTest } from '../support/api.ts';
import { startWithReveal, type WithReveal } from '../support/reveal.ts';
import { type StepFault, type StepProxy, startStepProxy } from '../support/step-proxy.ts';

const KEY = 'TOKEN';
const target = { deployment: 'shop' };
const STARTED = /^POST .*\/data\/registry\/access\/elevations\//;
const KEPT = /^POST .*\/metadata\/registry\/access\/elevations\//;

let on: WithReveal;
let proxy: StepProxy;
/** A second replica, whose requests to OpenBao pass the proxy. */
let slow: ApiUnderTest;
let manager: string;
let admin: string;

const send = async (
	program: ApiUnderTest,
	method: string,
	path: string,
	as: string,
	body?: object,
): Promise<{ status: number; json: unknown }> => {
	const { status, json } = await program.send(method, path, body === undefined ? { as } : { as, body });
	return { status, json };
};
interface Answered {
	readonly id: string;
	readonly reason: string;
	readonly state: string;
}

beforeAll(async () => {
	on = await startWithReveal({ ENVTIER_API_ELEVATION_APPROVAL: 'true' });
	proxy = await startStepProxy(on.bao);
	slow = await on.another({ ENVTIER_API_ELEVATION_APPROVAL: 'true', ENVTIER_VAULT_ADDR: proxy.addr });
	const olga = await on.session('olga');
	manager = olga.reveal;
	admin = (await on.session('ada', { roles: ['org_admin'] })).reveal;
	const named = { name: 'shop', org: 'acme' };
	expect((await send(on.reveal, 'POST', '/api/access', manager, named)).status).toBe(201);
	expect((await send(on.api, 'POST', '/api/deployments', olga.api, named)).status).toBe(201);
	const secret = { key: KEY, value: 'v', deploymentName: 'shop' };
	expect((await send(on.api, 'POST', '/api/secrets', olga.api, secret)).status).toBe(201);
});
afterAll(async () => {
	await slow?.[Symbol.asyncDispose]();
	await proxy?.[Symbol.asyncDispose]();
	await on?.[Symbol.asyncDispose]();
});

const request = async (program: ApiUnderTest, reason: string): Promise<Answered> => {
	const answer = await send(program, 'POST', '/api/elevations', admin, { ...target, reason });
	expect(answer).toMatchObject({ status: 201, json: { state: 'pending' } });
	return answer.json as Answered;
};
const approve = (program: ApiUnderTest, id: string) =>
	send(program, 'PUT', '/api/elevations', manager, { ...target, id });
const reveal = () => send(on.reveal, 'POST', '/api/reveal', admin, { ...target, key: KEY, reason: 'r' });
const listed = async () =>
	(await send(on.reveal, 'GET', '/api/elevations?deployment=shop', manager)).json as Answered[];
/** Runs `work` before the first step of the slow replica that fits. Returns its outcome. */
const meanwhile = <T>(step: RegExp, work: () => Promise<T>): (() => T | undefined) => {
	let started = false;
	let outcome: T | undefined;
	proxy.setFault(async (_number, name): Promise<StepFault> => {
		if (started || !step.test(name)) return 'pass';
		started = true;
		outcome = await work();
		return 'pass';
	});
	return () => outcome;
};

describe('an approval starts the request that was looked at, or nothing', () => {
	let first: Answered;
	beforeEach(async () => {
		proxy.setFault(() => 'pass');
		first = await request(on.reveal, 'the first reason');
	});
	/** Only the second request is left: it waits for its own approval. */
	const expectSecond = async (second: Answered | undefined) => {
		expect((await reveal()).status).toBe(403);
		expect((await approve(on.reveal, first.id)).status).toBe(404);
		expect(await listed()).toEqual([
			expect.objectContaining({ id: second?.id, reason: 'the second reason', state: 'pending' }),
		]);
		expect((await approve(on.reveal, second?.id ?? '')).status).toBe(200);
		expect((await reveal()).json).toMatchObject({ elevation: second?.id });
	};

	test('another request came after the look, before the approval was written', async () => {
		const second = meanwhile(STARTED, () => request(on.reveal, 'the second reason'));
		expect((await approve(slow, first.id)).status).toBe(404);
		await expectSecond(second());
	});

	test('the approval was written while another request came', async () => {
		const approved = meanwhile(STARTED, () => approve(on.reveal, first.id));
		const second = await request(slow, 'the second reason');
		expect(approved()).toMatchObject({ status: 200, json: { id: first.id, reason: 'the first reason' } });
		await expectSecond(second);
	});

	test('the approval came between the two writes of another request', async () => {
		const approved = meanwhile(KEPT, () => approve(on.reveal, first.id));
		const second = await request(slow, 'the second reason');
		expect(approved()?.status).toBe(404);
		await expectSecond(second);
	});

	test('the request was ended after the look', async () => {
		const ended = meanwhile(STARTED, () => send(on.reveal, 'DELETE', '/api/elevations', admin, target));
		expect((await approve(slow, first.id)).status).toBe(404);
		expect(ended()?.status).toBe(200);
		expect((await reveal()).status).toBe(403);
		expect(await listed()).toEqual([expect.objectContaining({ id: first.id, state: 'ended' })]);
	});

	test('two persons approve it at once: one approves it', async () => {
		const other = meanwhile(STARTED, () => approve(on.reveal, first.id));
		expect((await approve(slow, first.id)).status).toBe(404);
		expect(other()?.status).toBe(200);
		expect((await reveal()).json).toMatchObject({ elevation: first.id });
		expect((await listed())[0]).toMatchObject({ id: first.id, state: 'active' });
	});
});

test('every version of an elevation has its end', async () => {
	await request(on.reveal, 'r');
	const folder = 'secret/metadata/registry/access/elevations/deployments/shop';
	const { json } = await on.bao.request('GET', `${folder}?list=true`);
	const { keys } = (json as { data: { keys: string[] } }).data;
	expect(keys).toHaveLength(1);
	const entry = await on.bao.request('GET', `${folder}/${keys[0]}`);
	const { versions } = (entry.json as { data: { versions: Record<string, { deletion_time: string }> } }).data;
	expect(Object.values(versions)).toHaveLength(1);
	for (const { deletion_time } of Object.values(versions)) expect(deletion_time).not.toBe('');
});

test('who ends an elevation that never was leaves nothing in Vault', async () => {
	const ended = await send(on.reveal, 'DELETE', '/api/elevations', admin, { deployment: 'never' });
	expect(ended.status).toBe(200);
	const path = 'secret/metadata/registry/access/elevations/deployments/never?list=true';
	expect((await on.bao.request('GET', path)).status).toBe(404);
});
