import { posix } from 'node:path';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import type { ContainerFacts, Mount } from '../pod/container.ts';
import type { PodFacts } from '../pod/pod.ts';
import type { Plan } from './injection-plan.ts';
import { quoted } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

/** What a container has at a path already. */
interface Place {
	/** As it was written. */
	readonly written: string;
	readonly path: string;
	readonly readOnly: boolean;
}

/** The first mount or device of a reader with which the runtime could not start it, were ours added. */
export function mountInTheWay(pod: PodFacts, plan: Plan): Rejection | undefined {
	const ours = linkFollowed(plan.path);
	const fixed = new Set((pod.volumes ?? []).filter(({ readOnly }) => readOnly).map(({ name }) => name));
	for (const container of plan.fetchers.flatMap(({ readers }) => readers)) {
		const places = placesOf(container, fixed);
		const taken = places.find(({ path }) => isWithin(path, ours));
		if (taken !== undefined) return takenBy(container, taken, plan.path);
		const closed = places.find(({ path, readOnly }) => readOnly && isWithin(ours, path));
		if (closed !== undefined) return closedBy(container, closed, plan.path);
	}
	return undefined;
}

/** Whether the runtime could not make a mount at `place` beside this one, or would hide what is mounted there. */
export function obstructs({ path, readOnly }: Mount, place: string): boolean {
	const theirs = linkFollowed(posix.resolve('/', path));
	const ours = linkFollowed(place);
	return isWithin(theirs, ours) || (readOnly && isWithin(ours, theirs));
}

/** Mounts, devices and the file of the last words, which the kubelet mounts as well. It takes a relative path from the root, and the kernel ignores dots and doubled slashes. */
function placesOf(container: ContainerFacts, readOnlyVolumes: ReadonlySet<string>): readonly Place[] {
	const mounts = (container.mounts ?? []).map(({ path, volume, readOnly }) => ({
		written: path,
		readOnly: readOnly || readOnlyVolumes.has(volume),
	}));
	const others = [...container.devices, ...(container.terminationPath ? [container.terminationPath] : [])];
	const files = others.map((written) => ({ written, readOnly: false }));
	return [...mounts, ...files].map((place) => ({
		...place,
		path: linkFollowed(posix.resolve('/', place.written)),
	}));
}

const LINK = /^\/var\/run(?=\/|$)/;

/**
 * The runtime follows the link that /var/run is in most images (to /run; Filesystem Hierarchy Standard 3.0, section 5.13), so that two paths may be one
 * there. Whether it is in this one is out of the webhook's sight; a container that cannot be started says less than a refusal.
 */
function linkFollowed(path: string): string {
	return path.replace(LINK, '/run');
}

/** Said where the two paths do not look alike. */
function linked(place: Place, path: string): string {
	return LINK.test(place.written) === LINK.test(path) ? '' : ' (in most images /var/run is a link to /run)';
}

function isWithin(path: string, directory: string): boolean {
	return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** Also for a mount inside our directory: its mount point would have to be made in a volume that is mounted read-only. */
function takenBy(container: ContainerFacts, place: Place, path: string): Rejection {
	return reject(
		'mount-taken',
		`container ${quoted(container.name)} already mounts something at ${quoted(place.written)}, where the secrets in ${path} would go${linked(place, path)}: choose another directory with ${ANNOTATION_PREFIX}path`,
	);
}

function closedBy(container: ContainerFacts, place: Place, path: string): Rejection {
	return reject(
		'mount-taken',
		`container ${quoted(container.name)} mounts something at ${quoted(place.written)} read-only, so that ${path} cannot be made in it${linked(place, path)}: choose another directory with ${ANNOTATION_PREFIX}path`,
	);
}
