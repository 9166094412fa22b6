/** The checker of histories accepts what can happen, and finds what must not: each violation is planted. */
import { expect, test } from 'vitest';
import {
	type FinalState,
	type History,
	type HistoryCall,
	type HistoryLine,
	violationsOf,
} from './checker.ts';

let count = 0;
const call = (what: Partial<HistoryCall> & Pick<HistoryCall, 'kind' | 'start' | 'end'>): HistoryCall => {
	count += 1;
	return { requestId: `r${count}`, place: 'shop A', outcome: 'done', ...what };
};
const create = (value: string, start: number, end: number, more: Partial<HistoryCall> = {}) =>
	call({
		...{ kind: 'create', value, start, end },
		...(more.outcome === 'unknown' ? {} : { id: `id-${value}` }),
		...more,
	});
const update = (value: string, target: string, start: number, end: number, more: Partial<HistoryCall> = {}) =>
	call({ kind: 'update', value, target, start, end, ...more });
const remove = (target: string, start: number, end: number, more: Partial<HistoryCall> = {}) =>
	call({ kind: 'delete', target, start, end, ...more });
const lost = { outcome: 'unknown', end: Number.POSITIVE_INFINITY } as const;

/** A history with the audit lines that belong to it. */
function history(
	calls: readonly HistoryCall[],
	final: FinalState | string | undefined,
	more: Partial<History> = {},
): History {
	const state =
		typeof final === 'object'
			? final
			: { values: final === undefined ? undefined : [final], incomplete: false };
	const logged = calls.map(
		({ requestId, kind }, i): HistoryLine => ({
			...{ phase: 'intent', requestId, eventId: `e-${requestId}`, action: kind, scope: 's', key: 'A' },
			...{ time: new Date(0).toISOString(), replica: 'pod/1', sequence: i + 1 },
		}),
	);
	return { calls, final: new Map([['shop A', state]]), logged, stored: logged, written: new Set(), ...more };
}

test.each<[string, () => readonly HistoryCall[], FinalState | string | undefined]>([
	[
		'the last of two updates',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 3), update('3', 'id-1', 4, 5)],
		'3',
	],
	[
		'either of two updates at the same time',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 5), update('3', 'id-1', 3, 4)],
		'2',
	],
	[
		'an update whose answer was lost, with effect',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 0, lost)],
		'2',
	],
	[
		'an update whose answer was lost, without effect',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 0, lost)],
		'1',
	],
	[
		'one that takes effect after a later one',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 0, lost), update('3', 'id-1', 4, 5)],
		'2',
	],
	['a deletion', () => [create('1', 0, 1), remove('id-1', 2, 3)], undefined],
	['a creation after a deletion', () => [create('1', 0, 1), remove('id-1', 2, 3), create('2', 4, 5)], '2'],
	[
		'a creation without an answer, whose id others find',
		() => [create('1', 0, 0, lost), update('2', 'found', 2, 3)],
		'2',
	],
	[
		'a refused creation beside one in flight',
		() => [create('1', 0, 9), create('2', 3, 4, { outcome: 'exists' })],
		'1',
	],
	[
		'half a change that is told',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 0, lost)],
		{ values: ['2', '1'], incomplete: true },
	],
])('accepts %s', (_what, calls, final) => {
	expect(violationsOf(history(calls(), final))).toEqual([]);
});

test.each<[string, () => readonly HistoryCall[], FinalState | string | undefined, string]>([
	['a lost update', () => [create('1', 0, 1), update('2', 'id-1', 2, 3)], '1', 'no order of the calls'],
	['a lost creation', () => [create('1', 0, 1)], undefined, 'no order of the calls'],
	[
		'an older value over a newer one',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 3), update('3', 'id-1', 4, 5)],
		'2',
		'no order of the calls',
	],
	[
		'a deleted secret back to life',
		() => [create('1', 0, 1), remove('id-1', 2, 3)],
		'1',
		'no order of the calls',
	],
	[
		'an update that revives a deleted secret',
		() => [create('1', 0, 1), remove('id-1', 2, 3), update('2', 'id-1', 4, 5)],
		'2',
		'no order of the calls',
	],
	[
		'a stale id that hits a successor',
		() => [create('1', 0, 1), remove('id-1', 2, 3), create('2', 4, 5), update('3', 'id-1', 6, 7)],
		'3',
		'no order of the calls',
	],
	[
		'two creations that both succeed',
		() => [create('1', 0, 1), create('2', 0, 1)],
		'2',
		'no order of the calls',
	],
	[
		'a creation that is refused though nothing is there',
		() => [create('1', 0, 1, { outcome: 'exists' })],
		undefined,
		'no order of the calls',
	],
	[
		'two deletions one after the other',
		() => [create('1', 0, 1), remove('id-1', 2, 3), remove('id-1', 4, 5)],
		undefined,
		'no order of the calls',
	],
	[
		'a plain creation that vanishes after it was seen',
		() => [create('1', 0, 0, lost), create('2', 2, 3, { outcome: 'exists' })],
		undefined,
		'no order of the calls',
	],
	['a value that nobody wrote', () => [create('1', 0, 1)], 'foreign', 'no order of the calls'],
	['a secret in a place without calls', () => [], 'foreign', 'no order of the calls'],
	[
		'half a change that nothing tells',
		() => [create('1', 0, 1), update('2', 'id-1', 2, 0, lost)],
		{ values: ['2', '1'], incomplete: false },
		'parts of 2 and 1',
	],
])('finds %s', (_what, calls, final, sentence) => {
	expect(violationsOf(history(calls(), final))).toEqual([expect.stringContaining(sentence)]);
});

test('finds an effect without an intent line, whether it was answered or not', () => {
	const answered = history([create('1', 0, 1)], '1');
	expect(violationsOf({ ...answered, logged: [], stored: [] })).toEqual([
		expect.stringContaining('without an intent line'),
	]);
	const unanswered = history([create('1', 0, 0, lost)], '1', { written: new Set(['1']) });
	expect(violationsOf({ ...unanswered, logged: [], stored: [] })).toEqual([
		expect.stringContaining('without an intent line'),
	]);
});

test('finds an intent line that was written after the answer', () => {
	const whole = history([create('1', 0, 1)], '1');
	const late = whole.logged.map((line) => ({ ...line, time: new Date(2).toISOString() }));
	expect(violationsOf({ ...whole, logged: late, stored: late })).toEqual([
		expect.stringContaining('without an intent line'),
	]);
});

test('finds a line that the store lacks or has twice, and a result without its intent', () => {
	const whole = history([create('1', 0, 1)], '1');
	expect(violationsOf({ ...whole, stored: [] })).toEqual(['line pod/1 1 is 0 times in the store']);
	expect(violationsOf({ ...whole, stored: [...whole.stored, ...whole.stored] })).toEqual([
		'line pod/1 1 is 2 times in the store',
	]);
	const [line] = whole.logged;
	if (line === undefined) throw new Error('no line');
	const logged = [
		...whole.logged,
		{ ...line, phase: 'result', result: 'done', eventId: 'other', sequence: 2 },
	];
	expect(violationsOf({ ...whole, logged, stored: logged })).toEqual([
		expect.stringContaining('without its intent line'),
	]);
});

test('finds a secret of a deleted deployment, however it came there', () => {
	const deleted = new Set(['shop A']);
	const left = history([create('1', 0, 1)], '1', { deleted });
	expect(violationsOf(left)).toEqual(['shop A of a deleted deployment holds 1']);
	expect(violationsOf(history([create('1', 0, 1)], undefined, { deleted }))).toEqual([]);
});
