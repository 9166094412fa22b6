import type { ScanBounds } from './json-prescan.ts';

/**
 * Bounds on the cost of one pod. Everybody who may create pods can send one, and the webhook sees a pod
 * before the API server has checked more than its types. 3 MiB of JSON can hold a hundred thousand
 * containers, and one annotation can name thousands of variables. Their product would stop the webhook, and
 * with it the creation of all pods. A pod beyond these bounds could not be stored either: etcd takes 1.5 MiB.
 */

/** Bytes. A shorter body is parsed without a scan, because its cost is small. */
export const MAX_UNSCANNED_BODY = 64 * 1024;

/**
 * Maximum number of characters in all annotations that are read: half of the API server's limit for an
 * object.
 */
export const MAX_ANNOTATIONS_LENGTH = 128 * 1024;

/**
 * Maximum number of characters in one value. Values go to the fetcher as environment variables, and Linux
 * starts no program with a variable of 128 KiB (MAX_ARG_STRLEN). Two lists of this length form one variable.
 * A template of dollar signs doubles its length on the way.
 */
export const MAX_VALUE_LENGTH = 32 * 1024;

/** Maximum number of UIDs among the readers of one pod. Each costs an init container. */
export const MAX_USERS = 16;

/** Maximum number of mounts and variables added to the containers of one pod. */
export const MAX_ADDED = 3000;

/**
 * Maximum number of containers, volumes, and mounts, variables, devices and capabilities of all containers.
 */
export const MAX_PIECES = 6500;

/** Maximum number of characters in the variables of all fetchers of one pod. */
export const MAX_FETCHER_TEXT = 1024 * 1024;

/** Maximum number of composed and sealed values of one pod. Each is a variable of every fetcher. */
export const MAX_KEYED_VALUES = 256;

/** Maximum number of selections in one pod. Each is a volume in memory. */
export const MAX_SELECTIONS = 32;

/**
 * Bounds on a longer body. `managedFields` does not count: it is not read. A pod with the types of Kubernetes
 * has about 20 levels. Large pods consist mostly of variables of containers; each is 3 to 6 values, and at
 * most `MAX_PIECES` of them are read. V8 keeps at most 1,536 transitions from one object shape. Beyond that
 * each new object takes several times as long, so the limit on names is lower.
 */
export const BODY_BOUNDS: ScanBounds = { depth: 200, values: 40_000, names: 1_000 };
