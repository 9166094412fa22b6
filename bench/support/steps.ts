/** What the webhook does with a review, in order; each step includes those before it. */
export const STEPS = ['parse', 'decode', 'decide', 'encode', 'log'] as const;

/** One of these. */
export type Step = (typeof STEPS)[number];
