import type { V1Container } from '@kubernetes/client-node';
import type { InjectionPlan } from '../admission/injection-plan.ts';
import type { EarlierInjection } from '../pod/earlier-injection.ts';
import type { PodFacts } from '../pod/pod.ts';
import { injectedNames } from './injected-objects.ts';
import { add, move, type Operation, removeAt } from './json-patch.ts';
import type { PodChange } from './reconcile.ts';

const LIST = '/spec/initContainers';

/**
 * Puts the fetchers in their place among the init containers. New fetchers come first or last, as the pod
 * requests. With "first" an existing fetcher must be before every init container that gets secrets; with
 * "last" it must be at the end. Containers that other webhooks put before a fetcher stay there: with "first"
 * they may set up the network's proxy or certificates.
 */
export function placeFetchers(
	pod: PodFacts,
	parts: EarlierInjection,
	plan: InjectionPlan,
	expected: readonly V1Container[],
): PodChange[] {
	if (pod.initContainers === undefined) return change([add(LIST, expected)]);
	const expectedNames = new Set(expected.map(({ name }) => name));
	const names = pod.initContainers.map(({ name }) => name);
	// Keeps each name once.
	const stale = parts.fetchers.filter(({ name }) => !expectedNames.delete(name)).map(({ index }) => index);
	const removed = new Set(stale);
	const sequence = names.filter((_, i) => !removed.has(i));
	const present = new Set(parts.fetchers.filter(({ index }) => !removed.has(index)).map(({ name }) => name));
	const operations = [
		...removeAt(LIST, stale),
		...insert(sequence, expected, present, plan.order),
		...(present.size === 0 ? [] : reorder(sequence, plan)),
	];
	return change(operations);
}

/** Adds the missing fetchers, and updates `sequence`. */
function insert(
	sequence: string[],
	expected: readonly V1Container[],
	present: ReadonlySet<string>,
	order: InjectionPlan['order'],
): Operation[] {
	let next = 0;
	return expected.flatMap((container) => {
		if (present.has(container.name)) {
			next = sequence.indexOf(container.name) + 1;
			return [];
		}
		const at = order === 'last' && next === 0 ? sequence.length : next;
		sequence.splice(at, 0, container.name);
		next = at + 1;
		return [add(`${LIST}/${at === sequence.length - 1 ? '-' : at}`, container)];
	});
}

/** Moves misplaced fetchers, and updates `sequence`. */
function reorder(sequence: string[], plan: InjectionPlan): Operation[] {
	const fetchers = injectedNames(plan);
	const readers = new Set(
		plan.fetchers.flatMap((fetcher) =>
			fetcher.readers.filter(({ list }) => list === 'initContainers').map(({ name }) => name),
		),
	);
	const tail = new Set(sequence.slice(-fetchers.length));
	if (plan.order === 'last' && fetchers.every((name) => tail.has(name))) return [];
	return fetchers.flatMap((name) => {
		const from = sequence.indexOf(name);
		const first = sequence.findIndex((other) => readers.has(other));
		const to = plan.order === 'last' ? sequence.length - 1 : first;
		if (to < 0 || (plan.order === 'first' && from < to) || from === to) return [];
		sequence.splice(from, 1);
		sequence.splice(to, 0, name);
		return [move(LIST, from, to)];
	});
}

function change(operations: readonly Operation[]): PodChange[] {
	return operations.length === 0
		? []
		: [{ part: 'the order of init containers', foreign: false, operations }];
}
