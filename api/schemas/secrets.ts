import { z } from 'zod';
import { SECRET_TYPE_NAMES, type SecretTypeName } from '../../contract/secret-types.ts';
import { name as anyName, description, force, id, key, value } from './common.ts';
import { incomplete } from './incomplete.ts';
import { rotation } from './rotation.ts';
import { filters, shownTags, tags } from './search.ts';

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

/** Options of the generation, or `true` for none. */
const generate = z.union([z.literal(true), z.record(z.string(), z.unknown())], {
	error: 'must be true, or an object of options',
});
const type = z.enum(SECRET_TYPE_NAMES as [SecretTypeName, ...SecretTypeName[]]);

/** What a secret tells about its type. */
const typed = {
	type,
	name: z.string().meta({ description: 'the name that the keys of a typed secret are made from' }),
	sourcing: z
		.enum(['env', 'volume'])
		.meta({ description: 'how it is best consumed: as an environment variable, or as a file' }),
	expiresAt: z.string().optional().meta({ description: 'when the first of its certificates ends' }),
	incomplete: incomplete.optional(),
};

/** A secret without its value: the API never returns values. */
export const Secret = z.strictObject({
	id: z.string(),
	key: z.string(),
	deploymentName: z.string(),
	serviceName: z.string(),
	description: z.string(),
	tags: shownTags,
	...typed,
});
export const SecretList = z.array(Secret);

export const SecretQuery = z.strictObject({
	...filters.shape,
	all: z.literal('true', { error: 'must be true' }).optional().meta({
		description:
			'without `deployment`: also the secrets of all deployments of your organization, as its admin',
	}),
	deployment: deploymentName.optional().meta({
		description:
			'only the secrets of this deployment or `template:NAME`; empty: only those of the caller alone',
	}),
});

/** What a new secret is: `key` and `value`, or the name and the fields of a type. */
const content = {
	type: type.default('generic'),
	key: key.optional(),
	value: value.optional(),
	name: z.string().max(255).optional().meta({
		description: 'of a typed secret: its keys are made from it. Empty for types that allow it',
	}),
	fields: z.record(z.string(), z.unknown()).optional().meta({
		description: 'of a typed secret: its fields. What is absent is generated, where the type can',
	}),
	generate: generate.optional(),
	rotation: rotation.optional(),
};

export const NewSecret = z.strictObject({
	...content,
	deploymentName: deploymentName.default(''),
	serviceName: serviceName.default(''),
	description: description.default(''),
	tags: tags.default([]),
	force,
});

/**
 * The value is required, or the fields or the generation of a typed secret. `SecretDescription` changes the
 * rest without it.
 */
export const ChangedSecret = z.strictObject({
	id,
	value: value.optional(),
	fields: content.fields,
	generate: content.generate,
	rotation: rotation.nullable().optional().meta({ description: 'null: the secret keeps its value' }),
	description: description.optional(),
	tags: tags.optional(),
});
export const SecretId = z.strictObject({ id });

/** A typed secret that was created, with its keys. */
export const CreatedSecret = z.union([
	Secret,
	z.strictObject({ type, name: z.string(), secrets: z.array(Secret) }),
]);

export const OrgSecret = z.strictObject({
	id: z.string(),
	key: z.string(),
	description: z.string(),
	tags: shownTags,
	...typed,
});
export const CreatedOrgSecret = z.union([
	OrgSecret,
	z.strictObject({ type, name: z.string(), secrets: z.array(OrgSecret) }),
]);
export const OrgSecretList = z.array(OrgSecret);
export const OrgSecretQuery = filters;
export const NewOrgSecret = z.strictObject({
	...content,
	description: description.default(''),
	tags: tags.default([]),
	force,
});

export const Updated = z.strictObject({ status: z.literal('updated') });
export const Deleted = z.strictObject({ status: z.literal('deleted') });
