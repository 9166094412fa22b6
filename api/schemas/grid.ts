import { z } from 'zod';
import { ROLES_IN_DEPLOYMENT } from '../access/decide.ts';
import { key } from './common.ts';
import { incomplete } from './incomplete.ts';

const time = z.string().meta({ description: 'RFC 3339; empty if not known' });

const Cell = z.strictObject({
	key: z.string(),
	column: z.number().int().meta({ description: 'index into `columns`' }),
	state: z.enum(['live', 'deleted', 'destroyed']),
	id: z
		.string()
		.optional()
		.meta({ description: 'absent for a secret of the organization that you do not manage' }),
	version: z.number().int(),
	at: time.meta({ description: 'when the version was written, or deleted' }),
	by: z.string().meta({ description: 'who changed it last; empty if not known to you' }),
	description: z.string().optional(),
	tags: z.array(z.string()).optional(),
	type: z.string().optional().meta({ description: 'absent for generic' }),
	name: z.string().optional().meta({ description: 'the name of a typed secret' }),
	expiresAt: time.optional(),
	incomplete: incomplete.optional(),
});

export const GridQuery = z.strictObject({ key: key.optional().meta({ description: 'only this key' }) });

/** Every key of a deployment in every tier, without values. */
export const DeploymentGrid = z.strictObject({
	deployment: z.string(),
	org: z.string(),
	owner: z.string(),
	role: z.enum(ROLES_IN_DEPLOYMENT),
	template: z.string(),
	managesOrg: z.boolean().meta({ description: 'true: you may change the secrets of the organization' }),
	columns: z.array(
		z.strictObject({
			tier: z.enum(['org', 'deployment', 'service']),
			service: z.string().meta({ description: 'empty but for the tier service' }),
		}),
	),
	cells: z.array(Cell),
	declared: z
		.array(z.strictObject({ service: z.string(), key: z.string() }))
		.meta({ description: 'what the services need, by the template, if you may see it' }),
});

/** Numbers of a deployment, for a list. */
export const DeploymentSummary = z.strictObject({
	services: z.array(z.string()),
	secrets: z.number().int().meta({ description: 'live secrets of the deployment and its services' }),
	missing: z.number().int().meta({ description: 'declared by the template, and set in no tier' }),
	expiring: z.number().int().meta({ description: 'secrets that end within 30 days, or have ended' }),
	deleted: z.number().int().meta({ description: 'deleted secrets that can be undeleted' }),
});
