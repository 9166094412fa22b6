import { err, ok, type Result } from '../../contract/result.ts';
import { quoted } from '../admission/redact.ts';
import { type Rejection, reject } from '../admission/rejection.ts';
import type { ContainerFacts } from './container.ts';

/** Who the fetcher runs as for some containers: their files are 0600, so only that user can read them. */
export interface Identity {
	readonly user: number;
	readonly group: number;
}

/** Containers that can share one volume, because one user reads it. */
export interface Readers {
	readonly identity: Identity;
	readonly containers: readonly ContainerFacts[];
}

/** Where a container's user and group come from when it does not say. */
export interface IdentityDefaults {
	readonly podUser: number | undefined;
	readonly podGroup: number | undefined;
	readonly askedUser: number | undefined;
	readonly askedGroup: number | undefined;
	/** The setting's, for pods in which nobody says it. */
	readonly user: number;
}

/** Readers by UID in the order of their first container, and the warnings for whoever wrote the pod. */
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
 * Groups containers by the UID that must be able to read their files: the container's `runAsUser`, else the pod's, else the
 * annotation's, else the setting's. Root reads everybody's files, so its containers are served under the annotation's or the setting's UID.
 */
export function groupByUser(
	containers: readonly ContainerFacts[],
	defaults: IdentityDefaults,
): Result<Grouping, Rejection> {
	const groups = new Map<number, { identity: Identity; containers: ContainerFacts[] }>();
	const guessed: string[] = [];
	for (const container of containers) {
		const said = container.user ?? defaults.podUser;
		if (said === ROOT && !container.overridesFileModes) return err(unreadable(container));
		if (said === undefined && defaults.askedUser === undefined) guessed.push(container.name);
		const identity = identityFor(container, said, defaults);
		const known = groups.get(identity.user);
		if (known === undefined) groups.set(identity.user, { identity, containers: [container] });
		else known.containers.push(container);
	}
	return ok({
		readers: [...groups.values()],
		warnings: guessed.length === 0 ? [] : [imageDecides(guessed, defaults.user)],
	});
}

function identityFor(
	container: ContainerFacts,
	said: number | undefined,
	defaults: IdentityDefaults,
): Identity {
	const user = said === undefined || said === ROOT ? (defaults.askedUser ?? defaults.user) : said;
	return { user, group: container.group ?? defaults.podGroup ?? defaults.askedGroup ?? user };
}

const LISTED = 5;

/** The image's USER is out of the webhook's sight, so this cannot be checked, only said. */
function imageDecides(containers: readonly string[], user: number): string {
	const listed = containers.slice(0, LISTED).map(quoted).join(', ');
	const more = containers.length > LISTED ? ` and ${containers.length - LISTED} more` : '';
	return `the image of ${listed}${more} must run as UID ${user} to read its secrets: if it does not, set runAsUser`;
}
