import { oneOf } from './values.ts';

/** What becomes of a secret whose value is the empty text, in the order in which they are documented. */
export const EMPTY_POLICIES = ['refuse', 'skip', 'keep'] as const;

/**
 * What happens to a secret with an empty value. `refuse` fails the pod, `skip` treats the key as missing in
 * that tier, `keep` delivers it.
 */
export type EmptyPolicy = (typeof EMPTY_POLICIES)[number];

/** Takes one of the three words. */
export const parseEmptyPolicy = oneOf(...EMPTY_POLICIES);
