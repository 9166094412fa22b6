import { expect, test } from 'vitest';
import { openTierStates } from '../../../fetcher/refresh/tier-state.ts';
import type { ReadContext } from '../../../fetcher/tiers.ts';
import type { Lookup, Vault } from '../../../fetcher/vault.ts';

const TIERS = ['org', 'deployment'] as const;
const HOUR = 3_600_000;

type Details = Awaited<ReturnType<Vault['listDetails']>>;

const EMPTY_TIER: Details = { kind: 'found', value: { key_info: {} } };
const REFUSED: Details = { kind: 'refused' };
const ABSENT: Details = { kind: 'absent' };

/** A clock, and a Vault of which only these two requests are of interest. */
function setUp(details: () => Details, names: Lookup<readonly string[]> = { kind: 'absent' }) {
	let [time, asked] = [0, 0];
	const vault = {
		listDetails: () => {
			asked += 1;
			return Promise.resolve(details());
		},
		list: () => Promise.resolve(names),
	} as unknown as Vault;
	const context = (version: 1 | 2 = 2): ReadContext => ({
		...{ vault, kv: { mount: 'secret', version }, authMount: 'jwt', role: 'web', namespace: undefined },
		...{ tierNames: { org: 'acme', deployment: 'shop' }, empty: 'keep', onSkip: () => undefined },
	});
	const states = openTierStates(() => time);
	return {
		states,
		ask: (version?: 1 | 2) => states.ask(context(version), TIERS),
		asked: () => asked,
		later: (ms: number) => {
			time += ms;
		},
	};
}

test.each<[string, Details, Lookup<readonly string[]>]>([
	['the policy refuses', REFUSED, { kind: 'absent' }],
	['the server does not know', ABSENT, { kind: 'found', value: ['A'] }],
])('a request that %s is sent again after an hour', async (_, details, names) => {
	const world = setUp(() => details, names);
	expect(await world.ask()).toBeUndefined();
	world.states.wereRead();
	world.later(HOUR - 1);
	expect(await world.ask()).toBeUndefined();
	world.states.wereRead();
	expect(world.asked()).toBe(2);
	world.later(1);
	await world.ask();
	expect(world.asked()).toBe(4);
});

test('it is sent again at once when the tiers could not be read either: the policy was lost, and came back', async () => {
	let answer: Details = REFUSED;
	const world = setUp(() => answer);
	expect(await world.ask()).toBeUndefined();
	answer = EMPTY_TIER;
	expect(await world.ask()).toEqual(['[]', '[]']);
});

test('an empty tier is compared, although a server without the request answers alike', async () => {
	const world = setUp(() => ABSENT);
	for (const _ of TIERS) {
		expect(await world.ask()).toEqual(['[]', '[]']);
		world.states.wereRead();
	}
	expect(world.asked()).toBe(4);
});

test('KV version 1 is never asked', async () => {
	const world = setUp(() => EMPTY_TIER);
	expect(await world.ask(1)).toBeUndefined();
	expect(world.asked()).toBe(0);
});
