/** Steps of the webhook for a review, in order. Each step includes the steps before it. */
export const STEPS = ['parse', 'decode', 'decide', 'encode', 'log'] as const;

/** One of these steps. */
export type Step = (typeof STEPS)[number];
