import type { ContainerFacts } from './container.ts';
import { type Rejection, reject } from './decision.ts';
import type { Grouping } from './identity.ts';

/** UIDs among the readers of one pod. Each costs an init container that starts after the one before it. */
export const MOST_USERS = 16;

/**
 * Mounts and variables that are added to the containers of one pod. An annotation of 32 KiB names thousands of variables, and a
 * pod of 3 MiB can have a hundred thousand containers: their product would be the end of the webhook, and of everybody’s pods with it.
 * What is more than this could not be stored anyway: etcd takes 1.5 MiB.
 */
export const MOST_ADDED = 5000;

/** Refuses a pod to which so much would have to be added that the answer itself would be a danger. */
export function tooMuchAdded(
	readers: readonly ContainerFacts[],
	variables: number,
	mounts: boolean,
): Rejection | undefined {
	const added = readers.length * (variables + (mounts ? 1 : 0));
	if (added <= MOST_ADDED) return undefined;
	return reject(
		'too-large',
		`${readers.length} containers would get ${added} variables and mounts in all, and at most ${MOST_ADDED} are possible: name fewer containers or fewer variables`,
	);
}

/** Refuses a pod whose readers are too many users. */
export function tooManyUsers({ readers }: Grouping): Rejection | undefined {
	if (readers.length <= MOST_USERS) return undefined;
	return reject(
		'too-large',
		`the containers that get secrets run as ${readers.length} users, each of whom needs a fetcher, and at most ${MOST_USERS} are possible: let some of them share a user`,
	);
}

/** Composed values of one pod: each is a variable of every fetcher, and they may depend on one another. */
export const MOST_COMPOSED = 256;

/** The refusal of a pod that asks for more composed values than that. */
export function tooManyComposed(count: number): Rejection {
	return reject(
		'too-large',
		`${count} values are to be composed, and at most ${MOST_COMPOSED} are possible: compose them in the application`,
	);
}

/** Parts of the secrets that the containers of one pod get; each is a volume in memory. */
export const MOST_PARTS = 32;

/** Refuses a pod whose containers take more different parts than that. */
export function tooManyParts(count: number): Rejection | undefined {
	if (count <= MOST_PARTS) return undefined;
	return reject(
		'too-large',
		`the containers take ${count} different parts of the secrets, each of which needs a volume, and at most ${MOST_PARTS} are possible: let some of them take the same`,
	);
}
