import { z } from 'zod';

export const WhoAmI = z.strictObject({
	subject: z.string().meta({ description: 'the owner of what these credentials create' }),
	kind: z.enum(['api-key', 'session', 'kubernetes']),
	email: z.string().optional(),
	org: z.string().meta({ description: 'the current organization; empty if none' }),
	orgs: z.array(z.string()).meta({ description: 'the organizations that the header Envtier-Org may name' }),
	roles: z.array(z.string()),
	scopes: z.array(z.string()),
	groups: z.array(z.string()).optional().meta({
		description: 'the groups of a Kubernetes user, whose rights the cluster’s RBAC decides',
	}),
});
