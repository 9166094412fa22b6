import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { applyAction } from '../../../webhook/certificates/self-managed/apply.ts';
import { type Data, decodeSecret } from '../../../webhook/certificates/self-managed/secret-codec.ts';
import { makeAuthority } from '../../support/tls.ts';

const NAMES = ['envtier-webhook.envtier-system.svc', '10.0.0.1'];
const HOUR = 3_600_000;
const POLICY = { leafLife: 3 * HOUR, caLife: 9 * HOUR, settle: 10_000, jitter: 0 };
const START = new Date(Math.floor(Date.now() / 1000) * 1000);
const later = (hours: number): Date => new Date(START.getTime() + hours * HOUR);

const stored = (data: Data, names: readonly string[] = NAMES) => decodeSecret(data, names);
const next = (
	action: Parameters<typeof applyAction>[0],
	data: Data,
	at: Date,
	names: readonly string[] = NAMES,
): Promise<Data> => applyAction(action, data, stored(data, names), names, POLICY, at);

let prepared: Data;
let first: Data;
let rolling: Data;
let second: Data;
beforeAll(async () => {
	prepared = await next('prepare', {}, START);
	first = await next('promote', prepared, START);
	rolling = await next('prepare', first, later(6));
	second = await next('promote', rolling, later(6));
});

describe('the Secret', () => {
	test('with a CA that signs nothing yet', () => {
		const { state, problems } = stored(prepared);
		expect(state).toMatchObject({ current: undefined, next: { hasKey: true }, leaf: undefined, retired: [] });
		expect(problems).toEqual([]);
	});

	test('with its first certificate, which holds from an hour ago for as long as it was asked to', () => {
		const { state, pair, problems } = stored(first);
		expect(state.next).toBeUndefined();
		expect(state.current).toMatchObject({ id: stored(prepared).state.next?.id, hasKey: true });
		expect(state.leaf).toMatchObject({ from: later(-1).getTime(), until: later(3).getTime() });
		expect(pair?.certificate).toBe(first['tls.crt']);
		expect(problems).toEqual([]);
	});

	test('with a successor beside the present CA', () => {
		const { state } = stored(rolling);
		expect(state.current).toEqual(stored(first).state.current);
		expect(state.leaf).toEqual(stored(first).state.leaf);
		expect(state.next?.hasKey).toBe(true);
	});

	test('after the successor took over, nothing that the old CA signed still holding', () => {
		const { state, pems } = stored(second);
		expect(state.current?.id).toBe(stored(rolling).state.next?.id);
		expect(state.retired).toEqual([]);
		expect(pems.size).toBe(1);
	});

	test('keeps an old CA for as long as what it signed holds', async () => {
		const renewed = await next('renew', first, later(5));
		const over = await next('promote', await next('prepare', renewed, later(6)), later(6));
		const { state, pems } = stored(over);
		expect(state.retired).toEqual([
			{
				id: stored(first).state.current?.id,
				from: expect.anything(),
				until: expect.anything(),
				neededUntil: later(8).getTime(),
			},
		]);
		expect(pems.has(state.retired[0]?.id ?? '')).toBe(true);
		expect(Object.values(over).join('')).not.toContain(first['ca.key']);
		const tidy = await next('tidy', over, later(9));
		expect(Object.keys(tidy).sort()).toEqual(['ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
	});

	test('a certificate never outlives its CA', async () => {
		const renewed = await next('renew', first, later(8));
		expect(stored(renewed).state.leaf?.until).toBe(later(9).getTime());
	});
});

describe('unusable data counts as absent, and the log says why', () => {
	test.each([
		['a certificate that is none', { 'tls.crt': 'rubbish' }, ['leaf'], []],
		['another certificate’s key', { 'tls.key': 'OTHER' }, ['leaf'], ['the private key does not belong']],
		['a CA that is none', { 'ca.crt': 'rubbish' }, ['current', 'leaf'], ['ca.crt holds no CA certificate']],
		['a serving certificate for a CA', { 'ca.crt': 'LEAF' }, ['current', 'leaf'], ['ca.crt holds no CA']],
	] as const)('%s', async (_, spoilt, absent, says) => {
		const other = await makeAuthority();
		const leaf = await other.issue();
		const texts: Readonly<Record<string, string>> = { OTHER: leaf.keyPem, LEAF: leaf.certPem };
		const data = Object.fromEntries(Object.entries(spoilt).map(([key, text]) => [key, texts[text] ?? text]));
		const { state, problems } = stored({ ...first, ...data });
		for (const part of ['current', 'leaf'] as const)
			expect(state[part] === undefined, part).toBe((absent as readonly string[]).includes(part));
		for (const [position, part] of says.entries()) expect(problems[position]).toContain(part);
	});

	test('a CA’s key that is another’s, or not of our kind', async () => {
		const other = await makeAuthority();
		for (const key of [other.keyPem, 'rubbish', '']) {
			const { state, problems } = stored({ ...first, 'ca.key': key });
			expect(state.current?.hasKey).toBe(false);
			// What it signed before is as good as ever.
			expect(state.leaf).toBeDefined();
			expect(problems).toEqual(['ca.key does not hold the private key of ca.crt']);
		}
	});

	test('a certificate that another CA of the same name signed', () => {
		const { state, problems } = stored({
			...first,
			'ca.crt': second['ca.crt'] ?? '',
			'ca.key': second['ca.key'] ?? '',
		});
		expect(state.leaf).toBeUndefined();
		expect(problems).toEqual(['tls.crt was not signed by ca.crt']);
	});

	test('no problem repeats a key', () => {
		const { problems } = stored({
			...first,
			'tls.key': second['tls.key'] ?? '',
			'ca.key': second['ca.key'] ?? '',
		});
		expect(problems.join()).not.toMatch(/PRIVATE|BEGIN/);
	});
});

test('names of another replica’s settings stay, so that two settings do not alternate', async () => {
	const one = ['a.example', '10.0.0.1'];
	const other = ['b.example'];
	const data = await next('renew', await next('renew', first, START, one), START, other);
	for (const names of [NAMES, one, other]) expect(stored(data, names).state.leaf).toBeDefined();
	expect(stored(data, ['c.example']).problems).toEqual(['tls.crt is not for c.example']);
	const { subjectAltName } = new X509Certificate(data['tls.crt'] ?? '');
	expect(subjectAltName?.split(', ')).toHaveLength(4);
});
