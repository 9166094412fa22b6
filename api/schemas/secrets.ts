import { z } from 'zod';
import { name as anyName, description, force, id, key, value } from './common.ts';

/** A deployment's name, or `template:NAME`. */
const deploymentName = z
	.string()
	.refine((text) => anyName.safeParse(text.replace(/^template:/, '')).success || text === '', {
		error:
			'must be the name of a deployment, "template:" and the name of a template, or empty for a secret of your own',
	})
	.meta({
		description: 'a deployment, `template:NAME`, or empty: a secret of the caller alone, never injected',
	});
const serviceName = z.union([anyName, z.literal('')], { error: 'must be the name of a service, or empty' });

/** A secret without its value: the API never returns values. */
export const Secret = z.strictObject({
	id: z.string(),
	key: z.string(),
	deploymentName: z.string(),
	serviceName: z.string(),
	description: z.string(),
});
export const SecretList = z.array(Secret);

export const SecretQuery = z.strictObject({
	deployment: deploymentName.optional().meta({
		description:
			'only the secrets of this deployment or `template:NAME`; empty: only those of the caller alone',
	}),
});

export const NewSecret = z.strictObject({
	key,
	value,
	deploymentName: deploymentName.default(''),
	serviceName: serviceName.default(''),
	description: description.default(''),
	force,
});

/** The value is required: a description changes only together with the value. */
export const ChangedSecret = z.strictObject({ id, value, description: description.optional() });
export const SecretId = z.strictObject({ id });

export const OrgSecret = z.strictObject({ id: z.string(), key: z.string(), description: z.string() });
export const OrgSecretList = z.array(OrgSecret);
export const NewOrgSecret = z.strictObject({ key, value, description: description.default(''), force });

export const Updated = z.strictObject({ status: z.literal('updated') });
export const Deleted = z.strictObject({ status: z.literal('deleted') });
