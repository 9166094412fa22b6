import { INJECTED } from '../contract/names.ts';
import { STATUS_ANNOTATION } from './annotations.ts';
import { type Rejection, reject } from './decision.ts';
import { fetcherEnv } from './parts.ts';
import type { Plan } from './plan.ts';
import type { PodFacts } from './pod.ts';
import type { Reading } from './reading.ts';
import type { InjectionSettings } from './settings.ts';

/** The status annotation's value: which init containers were added. */
export function statusOf(plan: Plan): string {
	return JSON.stringify({ fetchers: plan.fetchers.map((fetcher) => fetcher.container) });
}

function named(status: string): readonly string[] {
	try {
		const fetchers: unknown = JSON.parse(status)?.fetchers;
		return Array.isArray(fetchers) ? fetchers.filter((name) => typeof name === 'string') : [];
	} catch {
		return [];
	}
}

/**
 * Checks a pod that says it was injected already (reinvocation, or a copy of a running pod): every init container that the
 * status names must be ours in all that decides what it does. The status alone proves nothing: anyone can type it. Containers that other
 * webhooks added since are none of our business, so they are not looked at.
 */
export function statusMismatch(
	status: string,
	pod: PodFacts,
	reading: Reading,
	settings: InjectionSettings,
): Rejection | undefined {
	const expected = new Map(fetcherEnv(reading, settings).map(({ name, value }) => [name, value]));
	const genuine = (name: string): boolean => {
		const facts = pod.initContainers?.find((container) => container.name === name)?.injected;
		if (facts === undefined || facts.altered || facts.image !== settings.image) return false;
		const ours = [...facts.env.keys()].filter((variable) => variable.startsWith('ENVTIER_'));
		return (
			ours.length === expected.size &&
			ours.every((variable) => facts.env.get(variable) === expected.get(variable))
		);
	};
	const names = named(status);
	if (names.length > 0 && names.every((name) => name.startsWith(INJECTED.container) && genuine(name)))
		return undefined;
	return reject(
		'status-mismatch',
		`annotation ${STATUS_ANNOTATION} says that this pod was injected, but it lacks the init containers that injection would add now: remove that annotation and every container and volume whose name starts with "envtier-", then create the pod again`,
	);
}
