import type { V1EnvVar } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { Grouping } from '../pod/user-ids.ts';
import type { Bounds, Excess } from './json-prescan.ts';
import { type Rejection, reject } from './rejection.ts';

/**
 * What one pod may cost. Pods that ask for secrets come from everybody who may create pods, and the webhook sees them before the API server has
 * checked anything but their types: 3 MiB of JSON can hold a hundred thousand containers, an annotation can name thousands of variables,
 * and their product would be the end of the webhook, so of everybody’s pods. Whatever is more than this could not be stored
 * either: etcd takes 1.5 MiB.
 */

/** Bytes; a shorter body is parsed unseen, for it costs little whatever it is. */
export const MOST_UNSEEN = 64 * 1024;

/**
 * What is parsed of a longer one, beside `managedFields`, which nobody looks at. A pod of Kubernetes' own types nests some twenty deep. Of the variables of
 * containers, the pieces that large pods have most of, each is 3 to 6 values, and no more than 6,500 of them are looked at.
 * The engine of Node keeps up to 1,536 ways on from one shape of objects; beyond that each further object takes several times as long, so there are fewer names.
 */
export const BODY_BOUNDS: Bounds = { depth: 200, values: 40_000, names: 1_000 };

/** What a review does that goes beyond a bound, as the rest of a sentence. */
export function excessOf(excess: Excess): string {
	switch (excess) {
		case 'depth':
			return `has lists and objects nested more than ${BODY_BOUNDS.depth} deep`;
		case 'values':
			return `holds more than ${BODY_BOUNDS.values} values in lists and objects`;
		case 'names':
			return `holds more than ${BODY_BOUNDS.names} different names of annotations, labels and the like`;
		default:
			return excess satisfies never;
	}
}

/** Refuses a pod whose review is too much to be parsed. */
export function tooMuchToParse(excess: Excess): Rejection {
	const cure =
		excess === 'depth'
			? 'no field of a pod is, so take them out'
			: 'make several pods of it, or keep what is long in a ConfigMap';
	return reject('too-large', `the pod ${excessOf(excess)}: ${cure}`);
}

/** Characters in all annotations that are read: half of what Kubernetes takes as all annotations of an object together. */
const MOST_ASKED = 128 * 1024;

/** Refuses a pod whose annotations under our prefix would take long to read. */
export function tooMuchAsked(characters: number): Rejection | undefined {
	if (characters <= MOST_ASKED) return undefined;
	return reject(
		'too-large',
		`the pod’s annotations under ${ANNOTATION_PREFIX} hold ${characters} characters, and at most ${MOST_ASKED} are possible: shorten them`,
	);
}

/** UIDs among the readers of one pod. Each costs an init container that starts after the one before it. */
export const MOST_USERS = 16;

/** Mounts and variables that are added to the containers of one pod. */
export const MOST_ADDED = 3000;

/** Containers, volumes, and the mounts, variables, devices and capabilities of all containers. */
export const MOST_PIECES = 6500;

/** Characters in the variables of all fetchers of one pod. */
const MOST_TEXT = 1024 * 1024;

const lengthOf = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

function member(value: unknown, name: string): unknown {
	return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Refuses a pod, as decoded from JSON, of so many pieces that to look at each of them would take long. */
export function tooManyPieces(pod: unknown): Rejection | undefined {
	const spec = member(pod, 'spec');
	let pieces = lengthOf(member(spec, 'volumes'));
	for (const list of ['containers', 'initContainers']) {
		const containers = member(spec, list);
		if (!Array.isArray(containers)) continue;
		pieces += containers.length;
		for (const container of containers) {
			if (pieces > MOST_PIECES) break;
			for (const field of ['volumeMounts', 'env', 'volumeDevices', 'command'])
				pieces += lengthOf(member(container, field));
			const capabilities = member(member(container, 'securityContext'), 'capabilities');
			for (const field of ['add', 'drop']) pieces += lengthOf(member(capabilities, field));
		}
	}
	if (pieces <= MOST_PIECES) return undefined;
	return reject(
		'too-large',
		`the pod has more than ${MOST_PIECES} containers, volumes, mounts, variables and the like: make several pods of it`,
	);
}

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

/** Containers, volumes, mounts and variables with our names in a pod that says it was injected: more than injection adds. */
const MOST_EARLIER = 2 * MOST_ADDED;

/** Refuses a pod that says it was injected and has so many parts with our names that to take them out would take long. */
export function tooManyEarlierParts(count: number): Rejection | undefined {
	if (count <= MOST_EARLIER) return undefined;
	return reject(
		'too-large',
		`the pod says that it was injected, and has more than ${MOST_EARLIER} containers, volumes, mounts and variables with Envtier’s names: remove them and the annotation ${ANNOTATION_PREFIX}status`,
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

/** Composed and sealed values of one pod: each is a variable of every fetcher, and composed ones may depend on one another. */
const MOST_OF_KEYS = 256;

/** Refuses a pod that asks for more composed and sealed values than that. */
export function tooManyOfKeys(count: number): Rejection | undefined {
	if (count <= MOST_OF_KEYS) return undefined;
	return reject(
		'too-large',
		`${count} values are composed or sealed, and at most ${MOST_OF_KEYS} are possible: keep them in Vault`,
	);
}

/** Parts of the secrets that the containers of one pod get; each is a volume in memory. */
const MOST_PARTS = 32;

/** Refuses a pod whose containers take more different parts than that. */
export function tooManyParts(count: number): Rejection | undefined {
	if (count <= MOST_PARTS) return undefined;
	return reject(
		'too-large',
		`the containers take ${count} different parts of the secrets, each of which needs a volume, and at most ${MOST_PARTS} are possible: let some of them take the same`,
	);
}

/** Refuses a pod whose fetchers, each with its variables, would carry too much text. */
export function tooMuchText(fetchers: readonly (readonly V1EnvVar[])[]): Rejection | undefined {
	const text = fetchers.flat().reduce((sum, { value = '' }) => sum + value.length, 0);
	if (text <= MOST_TEXT) return undefined;
	return reject(
		'too-large',
		`the annotations make ${text} characters of variables for ${fetchers.length} fetchers, and at most ${MOST_TEXT} are possible: shorten them, or let containers share a user`,
	);
}
