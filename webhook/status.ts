import { INJECTED } from '../contract/names.ts';
import { type Asked, STATUS_ANNOTATION } from './annotations.ts';
import type { ContainerFacts } from './container.ts';
import { type Rejection, reject } from './decision.ts';
import { MOST_PARTS, MOST_USERS } from './limits.ts';
import { type Destination, fetcherEnv } from './parts.ts';
import type { Plan } from './plan.ts';
import type { PodFacts } from './pod.ts';
import type { Reading } from './reading.ts';
import { aboutContainers, isToBeWrapped, selectionFor } from './selections.ts';
import type { InjectionSettings } from './settings.ts';
import { outDirectory, volumeName } from './volume-names.ts';
import { hasWrapper, isWrapped } from './wrap.ts';

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

/** What a fetcher says of its volumes: their names by its own, and what each gets. */
function volumesOf({ name, injected }: ContainerFacts): ReadonlyMap<string, Destination> {
	const env = injected?.env ?? new Map<string, string>();
	const first = INJECTED.volume + name.slice(INJECTED.container.length);
	const found = new Map<string, Destination>();
	for (let i = 0; i <= MOST_PARTS && env.has(`ENVTIER_OUT${i === 0 ? '' : `_${i + 1}`}`); i++) {
		const suffix = i === 0 ? '' : `_${i + 1}`;
		const keys = env.get(`ENVTIER_KEYS${suffix}`);
		const prefix = env.get(`ENVTIER_PREFIX${suffix}`);
		const selection = keys === undefined && prefix === undefined ? undefined : { keys, prefix };
		found.set(volumeName(first, i), { out: outDirectory(i), selection });
	}
	return found;
}

/** Whether a fetcher mounts what it works with where it looks for it. */
function mountsItsOwn({ mounts = [] }: ContainerFacts, volumes: ReadonlyMap<string, Destination>): boolean {
	const has = (name: string, path: string): boolean =>
		mounts.some((mount) => mount.volume === name && mount.path === path);
	return (
		volumes.size > 0 &&
		[...volumes].every(([name, { out }]) => has(name, out)) &&
		has(INJECTED.tokenVolume, INJECTED.tokenDir)
	);
}

/** Whether a reader gets what is meant for it: its part of the secrets, and the shell that sources them where it asks for one. */
function asAsked(reader: ContainerFacts, { selection }: Destination, asked: Asked, path: string): boolean {
	const { name, command = [] } = reader;
	const due = selectionFor(name, asked);
	if (due?.keys !== selection?.keys || due?.prefix !== selection?.prefix) return false;
	return isToBeWrapped(name, asked) ? isWrapped(command, path) : !hasWrapper(command);
}

/** Whether a container of a fetcher's name is ours in all that decides what it does. */
function isOurs(
	{ injected }: ContainerFacts,
	volumes: ReadonlyMap<string, Destination>,
	reading: Reading,
	settings: InjectionSettings,
): boolean {
	if (injected === undefined || injected.altered) return false;
	if (program(injected.image ?? '') !== program(settings.image)) return false;
	const expected = new Map(
		fetcherEnv(reading, [...volumes.values()], settings).map(({ name, value }) => [name, value]),
	);
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
	const inits = new Map((pod.initContainers ?? []).map((container) => [container.name, container]));
	const readers = [...pod.containers, ...inits.values()].filter(({ injected }) => !injected);
	const names = named(status);
	const served = new Set<string>();
	let parts = 0;
	const genuine = names.every((name) => {
		const fetcher = inits.get(name);
		if (fetcher === undefined) return false;
		const volumes = volumesOf(fetcher);
		parts += volumes.size;
		// Each is looked for in every reader.
		if (parts > MOST_PARTS) return false;
		return (
			isOurs(fetcher, volumes, reading, settings) &&
			mountsItsOwn(fetcher, volumes) &&
			[...volumes].every(([volume, destination]) => {
				const found = readers.filter((reader) => reads(reader, volume, reading, path));
				for (const reader of found) served.add(reader.name);
				return found.length > 0 && found.every((reader) => asAsked(reader, destination, asked, path));
			})
		);
	});
	const there = new Set(readers.map(({ name }) => name));
	const due = [asked.containers ?? [], ...aboutContainers(asked)].flat();
	const all = due.every((name) => served.has(name) || !there.has(name));
	if (names.length > 0 && genuine && all) return undefined;
	return reject(
		'status-mismatch',
		`annotation ${STATUS_ANNOTATION} says that this pod was injected, but it lacks what injection would add now: remove that annotation and every container and volume whose name starts with "envtier-", then create the pod again`,
	);
}
