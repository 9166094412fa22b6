import type { ScanBounds } from './json-prescan.ts';

/**
 * What one pod may cost. Pods that ask for secrets come from everybody who may create pods, and the webhook sees them before the API server has
 * checked anything but their types: 3 MiB of JSON can hold a hundred thousand containers, an annotation can name thousands of variables,
 * and their product would be the end of the webhook, so of everybody’s pods. Whatever is more than this could not be stored
 * either: etcd takes 1.5 MiB.
 */

/** Bytes; a shorter body is parsed unseen, for it costs little whatever it is. */
export const MAX_UNSCANNED_BODY = 64 * 1024;

/** Characters in all annotations that are read: half of what Kubernetes takes as all annotations of an object together. */
export const MAX_ANNOTATIONS_LENGTH = 128 * 1024;

/** UIDs among the readers of one pod. Each costs an init container that starts after the one before it. */
export const MAX_USERS = 16;

/** Mounts and variables that are added to the containers of one pod. */
export const MAX_ADDED = 3000;

/** Containers, volumes, and the mounts, variables, devices and capabilities of all containers. */
export const MAX_PIECES = 6500;

/** Characters in the variables of all fetchers of one pod. */
export const MAX_FETCHER_TEXT = 1024 * 1024;

/** Composed and sealed values of one pod: each is a variable of every fetcher, and composed ones may depend on one another. */
export const MAX_KEYED_VALUES = 256;

/** Parts of the secrets that the containers of one pod get; each is a volume in memory. */
export const MAX_SELECTIONS = 32;

/**
 * What is parsed of a longer one, beside `managedFields`, which nobody looks at. A pod of Kubernetes' own types nests some twenty deep. Of the variables of
 * containers, the pieces that large pods have most of, each is 3 to 6 values, and no more than 6,500 of them are looked at.
 * The engine of Node keeps up to 1,536 ways on from one shape of objects; beyond that each further object takes several times as long, so there are fewer names.
 */
export const BODY_BOUNDS: ScanBounds = { depth: 200, values: 40_000, names: 1_000 };
