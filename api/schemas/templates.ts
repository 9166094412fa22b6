import { z } from 'zod';
import { ROLES_IN_DEPLOYMENT } from '../access/decide.ts';
import { force, name } from './common.ts';
import { DeclaredSecret, declaredKeys } from './declared-secret.ts';

/** Maximum number of services. More is a mistake, or an attempt to fill the store. */
const MAX_SERVICES = 100;
const MAX_SECRETS = 500;
/** Maximum number of generated secrets of a template: each takes time when a deployment is created. */
const MAX_GENERATED = 50;

const asWritten = z
	.unknown()
	.optional()
	.meta({ description: 'kept and given back as it was written, never used' });

/**
 * Fields of a service in Docker Compose that hold no values (Compose specification, services). Everybody who
 * may see a template sees them.
 */
const ComposeFields = z.strictObject({
	ports: asWritten,
	expose: asWritten,
	depends_on: asWritten,
	networks: asWritten,
	volumes: asWritten,
	restart: asWritten,
});
/** The names of these fields. */
export const COMPOSE_FIELDS = Object.keys(ComposeFields.shape) as readonly string[];

const Service = z.looseObject({
	...ComposeFields.shape,
	name,
	image: z.string().max(512).regex(/^\S*$/, { error: 'must be the name of an image' }).default(''),
	secrets: z
		.array(DeclaredSecret)
		.max(MAX_SECRETS)
		.refine(
			(list) => {
				const keys = list.flatMap(declaredKeys).map((one) => one.key);
				return new Set(keys).size === keys.length;
			},
			{ error: 'must name each key once' },
		)
		.default([]),
});

/** A service of a template, with the secrets that it declares. */
export type TemplateService = z.infer<typeof Service>;

const services = z
	.array(Service)
	.max(MAX_SERVICES)
	.refine((list) => new Set(list.map((service) => service.name)).size === list.length, {
		error: 'must name each service once',
	})
	.refine((list) => generatedIn(list) <= MAX_GENERATED, {
		error: `must have at most ${MAX_GENERATED} secrets with generate`,
	});

function generatedIn(list: readonly TemplateService[]): number {
	return list.flatMap(({ secrets }) => secrets).filter(({ generate }) => generate !== undefined).length;
}

/** The stored part of a template, in the form in which it was written: see `readTemplate`. */
export const StoredTemplate = z.strictObject({
	name: name.optional(),
	services: services.default([]),
	force,
});

const IGNORED = 'other fields, such as environment, are kept for the owner and ignored, with a warning';

/** A template in the form of a request, for the OpenAPI document. */
export const NewTemplate = z
	.looseObject({
		name: name.optional().meta({ description: 'the name, unless ?name= says it' }),
		services: z
			.array(z.looseObject(Service.shape).meta({ description: IGNORED }))
			.max(MAX_SERVICES)
			.default([]),
		force,
	})
	.meta({ description: 'beside it version, networks, volumes, configs, secrets and x-… are ignored' });

/** The query of a call with such a body. */
export const TemplateQuery = z.strictObject({
	name: name.optional().meta({ description: 'the name of the template, unless the body says it' }),
});

const Missing = z.strictObject({ serviceName: z.string(), key: z.string() });

export const Template = z.strictObject({
	name: z.string(),
	owner: z.string(),
	org: z.string(),
	shared: z.boolean().meta({ description: 'true when the members of the organization may see and use it' }),
	services: z.array(Service),
	createdAt: z.string(),
});
export const TemplateList = z.array(Template);
export const TemplateDetail = Template.extend({
	missing: z.array(Missing).meta({ description: 'declared secrets that have no value yet' }),
});
export const WrittenTemplate = Template.extend({
	warnings: z
		.array(z.string())
		.meta({ description: 'fields that were ignored, a sentence for each service' }),
});
export const TemplateName = z.strictObject({ name });
export const TemplateSharing = z.strictObject({ shared: z.boolean() });

export const NewDeployment = z.strictObject({
	name,
	org: name,
	template: name.optional(),
	adopt: z.boolean().default(false).meta({
		description: 'take a name that has entries below it or is reserved: for platform administrators',
	}),
});

export const Deployment = z.strictObject({
	name: z.string(),
	owner: z.string(),
	org: z.string(),
	template: z.string(),
	createdAt: z.string(),
	role: z.enum(ROLES_IN_DEPLOYMENT).meta({ description: 'the role that you have there' }),
});
export const DeploymentList = z.array(Deployment);

export const DeploymentDeletion = z.strictObject({
	confirm: z.string().meta({ description: 'the name of the deployment, against mistakes' }),
});

export const CreatedDeployment = Deployment.extend({
	generated: z.array(Missing).meta({ description: 'keys with generated values, which nobody has seen' }),
	copied: z.array(Missing).meta({ description: 'secrets copied from the template' }),
	kept: z.array(Missing).meta({ description: 'keys that existed there already and were left alone' }),
	missing: z.array(Missing).meta({
		description: 'declared secrets without a value, and those of the template whose values you do not get',
	}),
});
