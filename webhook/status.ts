import { INJECTED } from '../contract/names.ts';
import { type Asked, STATUS_ANNOTATION } from './annotations.ts';
import type { ContainerFacts } from './container.ts';
import { type Rejection, reject } from './decision.ts';
import { MOST_USERS } from './limits.ts';
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
		if (!Array.isArray(fetchers) || fetchers.length > MOST_USERS) return [];
		return fetchers.every((name) => typeof name === 'string') ? fetchers : [];
	} catch {
		return [];
	}
}

/** The last part of an image's name, without registry, folders, tag and digest. */
function program(image: string): string {
	const name = image.replace(/@.*$/s, '');
	return name.slice(name.lastIndexOf('/') + 1).replace(/:.*$/s, '');
}

/** Whether a container has all of what one fetcher's volume holds for it: the mount if there are files, every native variable. */
function reads(container: ContainerFacts, volume: string, reading: Reading, path: string): boolean {
	const { formats, variables } = reading;
	const mounts = container.mounts ?? [];
	if (formats.length > 0 && !mounts.some((mount) => mount.volume === volume && mount.path === path))
		return false;
	return variables.every(({ name, key }) => {
		const from = container.fromFiles.get(name);
		return from?.volume === volume && from.key === key;
	});
}

/** Whether a fetcher mounts what it works with where it looks for it. */
function mountsItsOwn({ mounts = [] }: ContainerFacts, volume: string): boolean {
	const has = (name: string, path: string): boolean =>
		mounts.some((mount) => mount.volume === name && mount.path === path);
	return has(volume, INJECTED.outDir) && has(INJECTED.tokenVolume, INJECTED.tokenDir);
}

/** Whether a container of a fetcher's name is ours in all that decides what it does. */
function isOurs(
	{ injected }: ContainerFacts,
	expected: ReadonlyMap<string, string | undefined>,
	settings: InjectionSettings,
): boolean {
	if (injected === undefined || injected.altered) return false;
	if (program(injected.image ?? '') !== program(settings.image)) return false;
	const ours = [...injected.env.keys()].filter((variable) => variable.startsWith('ENVTIER_'));
	return (
		ours.length === expected.size &&
		ours.every((variable) => injected.env.get(variable) === expected.get(variable))
	);
}

/**
 * Checks a pod that says it was injected already (reinvocation, or a copy of a running pod): every init container that the
 * status names must be ours in all that decides what it does, and someone must read what it writes; where the pod names its
 * readers, each of them. The status alone proves nothing: anyone can type it. Containers that other webhooks added since are none
 * of our business, so they are not looked at. Other webhooks pin images to digests and send them through mirrors, so of the image its
 * last name must be ours.
 */
export function statusMismatch(
	status: string,
	pod: PodFacts,
	asked: Asked,
	reading: Reading,
	settings: InjectionSettings,
): Rejection | undefined {
	const path = asked.path ?? INJECTED.outDir;
	const expected = new Map(fetcherEnv(reading, settings).map(({ name, value }) => [name, value]));
	const inits = pod.initContainers ?? [];
	const readers = [...pod.containers, ...inits].filter(({ injected }) => !injected);
	const volumeOf = (name: string): string => INJECTED.volume + name.slice(INJECTED.container.length);
	const names = named(status);
	const genuine = names.every((name) => {
		const fetcher = inits.find((container) => container.name === name);
		return (
			fetcher !== undefined &&
			isOurs(fetcher, expected, settings) &&
			mountsItsOwn(fetcher, volumeOf(name)) &&
			readers.some((reader) => reads(reader, volumeOf(name), reading, path))
		);
	});
	const chosen = new Set(asked.containers);
	const served = readers
		.filter(({ name }) => chosen.has(name))
		.every((reader) => names.some((name) => reads(reader, volumeOf(name), reading, path)));
	if (names.length > 0 && genuine && served) return undefined;
	return reject(
		'status-mismatch',
		`annotation ${STATUS_ANNOTATION} says that this pod was injected, but it lacks what injection would add now: remove that annotation and every container and volume whose name starts with "envtier-", then create the pod again`,
	);
}
