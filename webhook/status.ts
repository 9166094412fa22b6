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
		return Array.isArray(fetchers) && fetchers.every((name) => typeof name === 'string') ? fetchers : [];
	} catch {
		return [];
	}
}

/** The last part of an image's name, without registry, folders, tag and digest. */
function program(image: string): string {
	const name = image.replace(/@.*$/s, '');
	return name.slice(name.lastIndexOf('/') + 1).replace(/:.*$/s, '');
}

/**
 * Checks a pod that says it was injected already (reinvocation, or a copy of a running pod): every init container that the
 * status names must be ours in all that decides what it does, and someone must read what it writes. The status alone proves nothing:
 * anyone can type it. Containers that other webhooks added since are none of our business, so they are not looked at.
 * Other webhooks pin images to digests and send them through mirrors, so of the image its last name must be ours.
 *
 * @param path where the readers are to see their files
 */
export function statusMismatch(
	status: string,
	pod: PodFacts,
	reading: Reading,
	path: string,
	settings: InjectionSettings,
): Rejection | undefined {
	const expected = new Map(fetcherEnv(reading, settings).map(({ name, value }) => [name, value]));
	const readers = [...pod.containers, ...(pod.initContainers ?? [])].filter(({ injected }) => !injected);
	const isRead = (volume: string): boolean =>
		readers.some(({ mounts = [] }) => mounts.some((mount) => mount.volume === volume && mount.path === path));
	const genuine = (name: string): boolean => {
		if (!name.startsWith(INJECTED.container)) return false;
		const volume = INJECTED.volume + name.slice(INJECTED.container.length);
		if (reading.formats.length > 0 && !isRead(volume)) return false;
		const facts = pod.initContainers?.find((container) => container.name === name)?.injected;
		if (facts === undefined || facts.altered) return false;
		if (program(facts.image ?? '') !== program(settings.image)) return false;
		const ours = [...facts.env.keys()].filter((variable) => variable.startsWith('ENVTIER_'));
		return (
			ours.length === expected.size &&
			ours.every((variable) => facts.env.get(variable) === expected.get(variable))
		);
	};
	const names = named(status);
	if (names.length > 0 && names.every(genuine)) return undefined;
	return reject(
		'status-mismatch',
		`annotation ${STATUS_ANNOTATION} says that this pod was injected, but it lacks what injection would add now: remove that annotation and every container and volume whose name starts with "envtier-", then create the pod again`,
	);
}
