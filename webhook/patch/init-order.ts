import type { V1Container } from '@kubernetes/client-node';
import type { Plan } from '../admission/injection-plan.ts';
import type { EarlierParts } from '../pod/earlier-injection.ts';
import type { PodFacts } from '../pod/pod.ts';
import { add, move, type Operation, removeAt } from './json-patch.ts';
import type { Change } from './reconcile.ts';

const LIST = '/spec/initContainers';

/**
 * Puts fetchers to their place among the init containers: new ones first or last, as the pod asks; of those that are there already,
 * with "first" each before every init container that gets secrets, with "last" at the end. What other webhooks have put before a
 * fetcher stays there: with "first" it may be what gives the network its proxy or its certificates.
 */
export function placeFetchers(
	pod: PodFacts,
	parts: EarlierParts,
	plan: Plan,
	expected: readonly V1Container[],
): Change[] {
	if (pod.initContainers === undefined) return change([add(LIST, expected)]);
	const wanted = new Set(expected.map(({ name }) => name));
	const names = pod.initContainers.map(({ name }) => name);
	// Each is kept once.
	const stale = parts.fetchers.filter(({ name }) => !wanted.delete(name)).map(({ index }) => index);
	const gone = new Set(stale);
	const now = names.filter((_, i) => !gone.has(i));
	const there = new Set(parts.fetchers.filter(({ index }) => !gone.has(index)).map(({ name }) => name));
	const operations = [
		...removeAt(LIST, stale),
		...insert(now, expected, there, plan.order),
		...(there.size === 0 ? [] : reorder(now, plan)),
	];
	return change(operations);
}

/** Adds the fetchers that are not there; `now` is kept up to date. */
function insert(
	now: string[],
	expected: readonly V1Container[],
	there: ReadonlySet<string>,
	order: Plan['order'],
): Operation[] {
	let next = 0;
	return expected.flatMap((container) => {
		if (there.has(container.name)) {
			next = now.indexOf(container.name) + 1;
			return [];
		}
		const at = order === 'last' && next === 0 ? now.length : next;
		now.splice(at, 0, container.name);
		next = at + 1;
		return [add(`${LIST}/${at === now.length - 1 ? '-' : at}`, container)];
	});
}

/** Moves the fetchers that stand where they must not; `now` is kept up to date. */
function reorder(now: string[], plan: Plan): Operation[] {
	const fetchers = plan.fetchers.map(({ container }) => container);
	const readers = new Set(
		plan.fetchers.flatMap((fetcher) =>
			fetcher.readers.filter(({ list }) => list === 'initContainers').map(({ name }) => name),
		),
	);
	const tail = new Set(now.slice(-fetchers.length));
	if (plan.order === 'last' && fetchers.every((name) => tail.has(name))) return [];
	return fetchers.flatMap((name) => {
		const from = now.indexOf(name);
		const first = now.findIndex((other) => readers.has(other));
		const to = plan.order === 'last' ? now.length - 1 : first;
		if (to < 0 || (plan.order === 'first' && from < to) || from === to) return [];
		now.splice(from, 1);
		now.splice(to, 0, name);
		return [move(LIST, from, to)];
	});
}

function change(operations: readonly Operation[]): Change[] {
	return operations.length === 0
		? []
		: [{ what: 'the order of init containers', foreign: false, operations }];
}
