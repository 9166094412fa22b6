import { oneOf } from './values.ts';

/** Policies for secrets with an empty value, in the order of the documentation. */
export const EMPTY_POLICIES = ['refuse', 'skip', 'keep'] as const;

/**
 * What happens to a secret with an empty value. `refuse` fails the pod, `skip` treats the key as missing in
 * that tier, `keep` delivers it.
 */
export type EmptyPolicy = (typeof EMPTY_POLICIES)[number];

/** Parses one of the three policies. */
export const parseEmptyPolicy = oneOf(...EMPTY_POLICIES);
