import { err, ok, type Result } from '../../contract/result.ts';
import { quoted } from '../admission/redact.ts';
import { type Rejection, reject } from '../admission/rejection.ts';
import type { ContainerFacts } from './container.ts';

/**
 * UID and GID of the fetcher for some containers. Its files have mode 0600, so only that user can read them.
 */
export interface UserIds {
	readonly user: number;
	readonly group: number;
}

/** Containers that can share one volume, because one user reads it. */
export interface Readers {
	readonly userIds: UserIds;
	readonly containers: readonly ContainerFacts[];
}

/** Default user and group of a container. */
export interface UserIdDefaults {
	readonly podUser: number | undefined;
	readonly podGroup: number | undefined;
	readonly annotatedUser: number | undefined;
	readonly annotatedGroup: number | undefined;
	/** From the setting, if neither the pod nor the annotation sets one. */
	readonly user: number;
}

/** Readers by UID in the order of their first container, and warnings for the author of the pod. */
export interface Grouping {
	readonly readers: readonly Readers[];
	readonly warnings: readonly string[];
}

const ROOT = 0;

function unreadable(container: ContainerFacts): Rejection {
	return reject(
		'root-without-override',
		`container ${quoted(container.name)} runs as root but drops CAP_DAC_OVERRIDE, so it could not read the files of the fetcher, which never runs as root: set its runAsUser, or add DAC_OVERRIDE`,
	);
}

/**
 * Groups containers by the UID that reads their files: `runAsUser` of the container, else of the pod, else
 * the annotation, else the setting. Root can read all files, so containers of root get the UID of the
 * annotation or the setting.
 */
export function groupByUser(
	containers: readonly ContainerFacts[],
	defaults: UserIdDefaults,
): Result<Grouping, Rejection> {
	const groups = new Map<number, { userIds: UserIds; containers: ContainerFacts[] }>();
	const guessed: string[] = [];
	for (const container of containers) {
		const declaredUser = container.user ?? defaults.podUser;
		if (declaredUser === ROOT && !container.overridesFileModes) return err(unreadable(container));
		if (declaredUser === undefined && defaults.annotatedUser === undefined) guessed.push(container.name);
		const userIds = userIdsFor(container, declaredUser, defaults);
		const group = groups.get(userIds.user);
		if (group === undefined) groups.set(userIds.user, { userIds, containers: [container] });
		else group.containers.push(container);
	}
	return ok({
		readers: [...groups.values()],
		warnings: guessed.length === 0 ? [] : [imageUserWarning(guessed, defaults.user)],
	});
}

function userIdsFor(
	container: ContainerFacts,
	declaredUser: number | undefined,
	defaults: UserIdDefaults,
): UserIds {
	const user =
		declaredUser === undefined || declaredUser === ROOT
			? (defaults.annotatedUser ?? defaults.user)
			: declaredUser;
	return { user, group: container.group ?? defaults.podGroup ?? defaults.annotatedGroup ?? user };
}

const MAX_LISTED = 5;

/** The webhook cannot see the image's USER, so it can only warn. */
function imageUserWarning(containers: readonly string[], user: number): string {
	const listed = containers.slice(0, MAX_LISTED).map(quoted).join(', ');
	const more = containers.length > MAX_LISTED ? ` and ${containers.length - MAX_LISTED} more` : '';
	return `the image of ${listed}${more} must run as UID ${user} to read its secrets: if it does not, set runAsUser`;
}
