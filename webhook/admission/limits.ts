import type { V1EnvVar } from '@kubernetes/client-node';
import { ANNOTATION_PREFIX, isUnderPrefix } from '../../contract/names.ts';
import { object } from '../../lib/json.ts';
import { type PodOptions, STATUS_ANNOTATION } from '../annotations/annotations.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { Grouping } from '../pod/user-ids.ts';
import {
	BODY_BOUNDS,
	MAX_ADDED,
	MAX_ANNOTATIONS_LENGTH,
	MAX_FETCHER_TEXT,
	MAX_KEYED_VALUES,
	MAX_PIECES,
	MAX_SELECTIONS,
	MAX_USERS,
	MAX_VALUE_LENGTH,
} from './bounds.ts';
import type { Excess } from './json-prescan.ts';
import { type Rejection, reject } from './rejection.ts';

/** Describes the excess of a review, as the end of a sentence. */
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

/** Refuses a pod whose review exceeds the bounds of parsing. */
export function tooMuchToParse(excess: Excess): Rejection {
	const cure =
		excess === 'depth'
			? 'no field of a pod is, so take them out'
			: 'make several pods of it, or keep what is long in a ConfigMap';
	return reject('too-large', `the pod ${excessOf(excess)}: ${cure}`);
}

/**
 * Refuses a pod whose annotations under our prefix are too long to be parsed. A value that is too long by
 * itself is refused without being parsed, and does not count.
 */
export function annotationsTooLong(annotations: ReadonlyMap<string, string>): Rejection | undefined {
	let characters = 0;
	for (const [name, { length }] of annotations)
		if (isUnderPrefix(name) && name !== STATUS_ANNOTATION && length <= MAX_VALUE_LENGTH) characters += length;
	if (characters <= MAX_ANNOTATIONS_LENGTH) return undefined;
	return reject(
		'too-large',
		`the pod’s annotations under ${ANNOTATION_PREFIX} hold ${characters} characters, and at most ${MAX_ANNOTATIONS_LENGTH} are possible: shorten them`,
	);
}

const lengthOf = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

const member = (value: unknown, name: string): unknown => object(value)?.[name];

/** Refuses a pod, as decoded from JSON, with too many pieces. */
export function tooManyPieces(pod: unknown): Rejection | undefined {
	const spec = member(pod, 'spec');
	let pieces = lengthOf(member(spec, 'volumes'));
	for (const list of ['containers', 'initContainers']) {
		const containers = member(spec, list);
		if (!Array.isArray(containers)) continue;
		pieces += containers.length;
		for (const container of containers) {
			if (pieces > MAX_PIECES) break;
			for (const field of ['volumeMounts', 'env', 'volumeDevices', 'command'])
				pieces += lengthOf(member(container, field));
			const capabilities = member(member(container, 'securityContext'), 'capabilities');
			for (const field of ['add', 'drop']) pieces += lengthOf(member(capabilities, field));
		}
	}
	if (pieces <= MAX_PIECES) return undefined;
	return reject(
		'too-large',
		`the pod has more than ${MAX_PIECES} containers, volumes, mounts, variables and the like: make several pods of it`,
	);
}

/** Refuses a pod that would get too many mounts and variables. */
export function tooMuchAdded(
	readers: readonly ContainerFacts[],
	variables: number,
	mounts: boolean,
): Rejection | undefined {
	const added = readers.length * (variables + (mounts ? 1 : 0));
	if (added <= MAX_ADDED) return undefined;
	return reject(
		'too-large',
		`${readers.length} containers would get ${added} variables and mounts in all, and at most ${MAX_ADDED} are possible: name fewer containers or fewer variables`,
	);
}

/**
 * Maximum number of containers, volumes, mounts and variables with our names in an injected pod. More than
 * injection adds.
 */
const MAX_INJECTED_PARTS = 2 * MAX_ADDED;

/** Refuses an injected pod with so many parts with our names that removing them would take long. */
export function tooManyInjectedParts(count: number): Rejection | undefined {
	if (count <= MAX_INJECTED_PARTS) return undefined;
	return reject(
		'too-large',
		`the pod says that it was injected, and has more than ${MAX_INJECTED_PARTS} containers, volumes, mounts and variables with Envtier’s names: remove them and the annotation ${ANNOTATION_PREFIX}status`,
	);
}

/** Refuses a pod whose readers have too many different users. */
export function tooManyUsers({ readers }: Grouping): Rejection | undefined {
	if (readers.length <= MAX_USERS) return undefined;
	return reject(
		'too-large',
		`the containers that get secrets run as ${readers.length} users, each of whom needs a fetcher, and at most ${MAX_USERS} are possible: let some of them share a user`,
	);
}

/** Refuses a pod with too many composed and sealed values. */
export function tooManyKeyedValues({ each }: PodOptions): Rejection | undefined {
	const count = each.compose.size + each.sealed.size;
	if (count <= MAX_KEYED_VALUES) return undefined;
	return reject(
		'too-large',
		`${count} values are composed or sealed, and at most ${MAX_KEYED_VALUES} are possible: keep them in Vault`,
	);
}

/** Refuses a pod with too many selections. */
export function tooManySelections(count: number): Rejection | undefined {
	if (count <= MAX_SELECTIONS) return undefined;
	return reject(
		'too-large',
		`the containers take ${count} different parts of the secrets, each of which needs a volume, and at most ${MAX_SELECTIONS} are possible: let some of them take the same`,
	);
}

/** Refuses a pod whose fetchers' variables have too much text. */
export function tooMuchText(fetchers: readonly (readonly V1EnvVar[])[]): Rejection | undefined {
	const text = fetchers.flat().reduce((sum, { value = '' }) => sum + value.length, 0);
	if (text <= MAX_FETCHER_TEXT) return undefined;
	return reject(
		'too-large',
		`the annotations make ${text} characters of variables for ${fetchers.length} fetchers, and at most ${MAX_FETCHER_TEXT} are possible: shorten them, or let containers share a user`,
	);
}
