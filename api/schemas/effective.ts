import { z } from 'zod';
import { name } from './common.ts';
import { incomplete } from './incomplete.ts';

const tier = z.enum(['org', 'deployment', 'service']);
const service = z.union([name, z.literal('')], { error: 'must be the name of a service, or empty' });

export const EffectiveQuery = z.strictObject({
	deployment: name,
	service: service.default('').meta({ description: 'empty: what every service gets' }),
});

/** What pods of a deployment get; never values. */
export const EffectiveView = z.strictObject({
	deployment: z.string(),
	service: z.string(),
	org: z.string(),
	secrets: z.array(
		z.strictObject({
			key: z.string(),
			tier: tier.meta({ description: 'the tier whose value the pods get' }),
			overrides: z.array(tier).meta({ description: 'tiers that have the key as well, nearest first' }),
			version: z.number().int(),
			updatedAt: z.string(),
			incomplete: incomplete.optional(),
		}),
	),
});

export const DifferenceQuery = z.strictObject({
	deployment: name,
	with: name.meta({ description: 'the deployment to compare with' }),
	service: service.default(''),
});

/** What differs between two deployments. Values are not compared: the API cannot read them. */
export const DeploymentDifference = z.strictObject({
	deployment: z.string(),
	with: z.string(),
	service: z.string(),
	onlyHere: z
		.array(z.strictObject({ key: z.string(), tier }))
		.meta({ description: 'keys of `deployment` alone' }),
	onlyThere: z.array(z.strictObject({ key: z.string(), tier })).meta({ description: 'keys of `with` alone' }),
	both: z.array(
		z.strictObject({
			key: z.string(),
			tier: tier.meta({ description: 'in `deployment`' }),
			otherTier: tier.meta({ description: 'in `with`' }),
			shared: z
				.boolean()
				.meta({ description: 'true: the same secret of the same organization, so also the same value' }),
		}),
	),
});
