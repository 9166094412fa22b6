import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type Observation } from '../../controller/rollouts/decide.ts';
import { parseState, type RolloutState, stateText } from '../../controller/rollouts/state.ts';
import { WORKLOAD_KINDS } from '../../controller/workloads/kinds.ts';
import type { Workload } from '../../controller/workloads/workload.ts';

const [DEPLOYMENT] = WORKLOAD_KINDS;
if (DEPLOYMENT === undefined) throw new Error('no kinds');

const revision = (n: number, format = 'v1'): string => `${format}:${String(n).padStart(32, '0')}`;
const inputs = (n: number): string => String(n).padStart(32, 'a');
const START = 1_000_000;

function workload(over: Partial<Workload> = {}): Workload {
	return {
		...{ kind: DEPLOYMENT as (typeof WORKLOAD_KINDS)[number], namespace: 'shop', name: 'web', uid: 'u' },
		...{ resourceVersion: '1', generation: 1, createdAt: START - 1, selector: 'app=web' },
		...{ state: undefined, templateRevision: undefined, requested: undefined, blocked: undefined },
		progress: { kind: 'done', started: true },
		...over,
	};
}

function seen(over: Partial<Observation> = {}): Observation {
	return {
		...{ inputs: inputs(1), current: revision(1), newestPod: undefined, newestPodStarting: false },
		...{ allPodsAlike: false, watchingSince: START },
		...over,
	};
}

const KNOWN: RolloutState = { inputs: inputs(1), revision: revision(1) };

/** What is written, step after step, while nothing else happens; at most five steps. */
function decisionsUntilSettled(first: Workload, observation: Observation): readonly string[] {
	const kinds: string[] = [];
	let current = first;
	while (kinds.length < 5) {
		const decision = decide(current, observation);
		if (!('state' in decision)) break;
		const { kind, state } = decision;
		kinds.push(kind);
		current = {
			...current,
			state,
			templateRevision: kind === 'roll' ? state.revision : current.templateRevision,
		};
	}
	return kinds;
}

describe('a decision about a workload', () => {
	test.for<[string, Partial<Workload>, Partial<Observation>, string]>([
		['an unknown workload is recorded', {}, {}, 'record'],
		['an unknown workload with old pods is recorded', {}, { newestPod: revision(0) }, 'record'],
		['nothing has changed', { state: KNOWN }, {}, 'nothing'],
		['the secrets have changed', { state: KNOWN }, { current: revision(2) }, 'roll'],
		['other inputs are recorded', { state: KNOWN }, { inputs: inputs(2), current: revision(2) }, 'record'],
		[
			'other inputs, and pods that read what is current',
			{ state: KNOWN },
			{ inputs: inputs(2), current: revision(2), newestPod: revision(2) },
			'record',
		],
		[
			'other inputs, and pods that read something older',
			{ state: KNOWN },
			{ inputs: inputs(2), current: revision(3), newestPod: revision(2) },
			'roll',
		],
		[
			'other inputs, and a pod that is starting',
			{ state: KNOWN },
			{ inputs: inputs(2), current: revision(3), newestPodStarting: true },
			'wait',
		],
		[
			'another version of the hash is recorded',
			{ state: { ...KNOWN, revision: revision(1, 'v0') } },
			{ current: revision(2) },
			'record',
		],
		[
			'other inputs, and pods whose revision has another format',
			{ state: KNOWN },
			{ inputs: inputs(2), current: revision(3), newestPod: revision(2, 'v0') },
			'record',
		],
		[
			'a change that was undone before its rollout',
			{ state: { ...KNOWN, pending: revision(2) } },
			{},
			'record',
		],
		[
			'a new workload whose pods read something older',
			{ createdAt: START + 1 },
			{ newestPod: revision(0) },
			'roll',
		],
		[
			'all pods were started anew since the change',
			{ state: KNOWN },
			{ current: revision(2), newestPod: revision(2), allPodsAlike: true },
			'record',
		],
		[
			'only the newest pod was started anew',
			{ state: KNOWN },
			{ current: revision(2), newestPod: revision(2) },
			'roll',
		],
		[
			'a paused workload waits',
			{ state: KNOWN, blocked: 'it is paused' },
			{ current: revision(2) },
			'blocked',
		],
		[
			'the revision is still in the template',
			{ state: { ...KNOWN, rolled: revision(1) }, templateRevision: revision(1) },
			{},
			'nothing',
		],
		['the revision was taken off the template', { state: { ...KNOWN, rolled: revision(1) } }, {}, 'reverted'],
		[
			'that was told already',
			{ state: { ...KNOWN, rolled: revision(1), reverted: revision(1) } },
			{},
			'nothing',
		],
		[
			'a change after it was taken off',
			{ state: { ...KNOWN, rolled: revision(1), reverted: revision(1) } },
			{ current: revision(2) },
			'roll',
		],
	])('%s', ([, over, observed, kind]) => {
		expect(decide(workload(over), seen(observed)).kind).toBe(kind);
	});

	test('a change that waits is recorded beside the known revision, with the reason of a workload that is blocked', () => {
		const changed = seen({ current: revision(2) });
		const waiting = { ...KNOWN, pending: revision(2), blocked: undefined };
		expect(decide(workload({ state: KNOWN }), changed)).toMatchObject({ kind: 'roll', waiting });
		expect(decide(workload({ state: KNOWN, blocked: 'it is paused' }), changed)).toMatchObject({
			kind: 'blocked',
			waiting: { ...waiting, blocked: 'it is paused' },
		});
		// What was recorded as waiting is rolled like any other change, and nothing waits afterwards.
		const rolled = decide(workload({ state: waiting }), changed);
		expect(rolled).toMatchObject({ kind: 'roll', state: { revision: revision(2), pending: undefined } });
	});

	test('what it writes settles: applied once, the same observation asks for nothing more', () => {
		const small = fc.integer({ min: 0, max: 2 });
		const states = fc.option(
			fc.record({
				inputs: small.map(inputs),
				revision: small.map((n) => revision(n)),
				rolled: fc.option(
					small.map((n) => revision(n)),
					{ nil: undefined },
				),
			}),
			{ nil: undefined },
		);
		const observations = fc.record({
			inputs: small.map(inputs),
			current: small.map((n) => revision(n)),
			newestPod: fc.option(
				small.map((n) => revision(n)),
				{ nil: undefined },
			),
			newestPodStarting: fc.boolean(),
			allPodsAlike: fc.boolean(),
		});
		fc.assert(
			fc.property(states, observations, fc.boolean(), (state, observed, fresh) => {
				const first = workload({ state, createdAt: fresh ? START + 1 : START - 1 });
				const kinds = decisionsUntilSettled(first, seen(observed));
				expect(kinds.length).toBeLessThanOrEqual(3);
				expect(kinds.filter((kind) => kind === 'roll').length).toBeLessThanOrEqual(1);
			}),
		);
	});
});

describe('the recorded state', () => {
	test('is the same after it is written and read', () => {
		const waiting = { pending: revision(4), blocked: 'its update strategy is OnDelete' };
		const rolled = { rolled: revision(3), at: '2026-01-01T00:00:00.000Z', reverted: revision(2) };
		const state = { ...KNOWN, ...rolled, ...waiting };
		expect(parseState(stateText(state))).toMatchObject(state);
	});

	test.for([
		['nothing', undefined],
		['no JSON', '{'],
		['another type', '[]'],
		['no revision', JSON.stringify({ inputs: inputs(1) })],
		['a revision of another form', JSON.stringify({ inputs: inputs(1), revision: 'x' })],
		['a text that is too long', `${JSON.stringify(KNOWN)}${' '.repeat(2_000)}`],
	] as const)('%s counts as unknown', ([, text]) => expect(parseState(text)).toBeUndefined());
});
