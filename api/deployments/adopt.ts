/**
 * The right to take a name that has entries below it or is reserved. No role in an organization implies it.
 */
export const ADOPT = { resource: 'deployments', verb: 'adopt', needs: 'platform-role' } as const;
