import { posix } from 'node:path';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import type { ContainerFacts, Mount } from '../pod/container.ts';
import type { PodFacts } from '../pod/pod.ts';
import type { InjectionPlan } from './injection-plan.ts';
import { quoted } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

/** Something that a container has at a path already. */
interface MountPoint {
	/** The path in the pod, before normalization. */
	readonly declaredPath: string;
	readonly path: string;
	readonly readOnly: boolean;
}

/** The first mount or device of a reader that conflicts with our mount. */
export function mountConflict(pod: PodFacts, plan: InjectionPlan): Rejection | undefined {
	const ours = resolveVarRun(plan.path);
	const readOnlyVolumes = new Set(
		(pod.volumes ?? []).filter(({ readOnly }) => readOnly).map(({ name }) => name),
	);
	for (const container of plan.fetchers.flatMap(({ readers }) => readers)) {
		const mountPoints = mountPointsOf(container, readOnlyVolumes);
		const taken = mountPoints.find(({ path }) => isWithin(path, ours));
		if (taken !== undefined) return pathTaken(container, taken, plan.path);
		const closed = mountPoints.find(({ path, readOnly }) => readOnly && isWithin(ours, path));
		if (closed !== undefined) return parentReadOnly(container, closed, plan.path);
	}
	return undefined;
}

/** Whether this mount prevents a mount at `mountPoint`, or would be hidden by it. */
export function obstructs({ path, readOnly }: Mount, mountPoint: string): boolean {
	const theirs = resolveVarRun(posix.resolve('/', path));
	const ours = resolveVarRun(mountPoint);
	return isWithin(theirs, ours) || (readOnly && isWithin(ours, theirs));
}

/**
 * Mounts, devices and the termination message file, which the kubelet mounts as well. Relative paths start at
 * the root, and the kernel ignores dots and repeated slashes.
 */
function mountPointsOf(
	container: ContainerFacts,
	readOnlyVolumes: ReadonlySet<string>,
): readonly MountPoint[] {
	const mounts = (container.mounts ?? []).map(({ path, volume, readOnly }) => ({
		declaredPath: path,
		readOnly: readOnly || readOnlyVolumes.has(volume),
	}));
	const others = [...container.devices, ...(container.terminationPath ? [container.terminationPath] : [])];
	const files = others.map((declaredPath) => ({ declaredPath, readOnly: false }));
	return [...mounts, ...files].map((mountPoint) => ({
		...mountPoint,
		path: resolveVarRun(posix.resolve('/', mountPoint.declaredPath)),
	}));
}

const LINK = /^\/var\/run(?=\/|$)/;

/**
 * Resolves /var/run to /run, so that two paths of one directory are equal. In most images /var/run is a link
 * to /run (Filesystem Hierarchy Standard 3.0, section 5.13), and the container runtime follows it. The
 * webhook cannot see whether this image has the link. A refusal explains more than a container that does not
 * start.
 */
function resolveVarRun(path: string): string {
	return path.replace(LINK, '/run');
}

/** Explains why two different paths are equal. */
function varRunNote(mountPoint: MountPoint, path: string): string {
	return LINK.test(mountPoint.declaredPath) === LINK.test(path)
		? ''
		: ' (in most images /var/run is a link to /run)';
}

function isWithin(path: string, directory: string): boolean {
	return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/**
 * Also for a mount inside our directory: its mount point would have to be created in a volume that is mounted
 * read-only.
 */
function pathTaken(container: ContainerFacts, mountPoint: MountPoint, path: string): Rejection {
	return reject(
		'mount-taken',
		`container ${quoted(container.name)} already mounts something at ${quoted(mountPoint.declaredPath)}, where the secrets in ${path} would go${varRunNote(mountPoint, path)}: choose another directory with ${ANNOTATION_PREFIX}path`,
	);
}

function parentReadOnly(container: ContainerFacts, mountPoint: MountPoint, path: string): Rejection {
	return reject(
		'mount-taken',
		`container ${quoted(container.name)} mounts something at ${quoted(mountPoint.declaredPath)} read-only, so that ${path} cannot be made in it${varRunNote(mountPoint, path)}: choose another directory with ${ANNOTATION_PREFIX}path`,
	);
}
