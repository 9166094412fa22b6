import { z } from 'zod';
import { description, id, key } from './common.ts';
import { incomplete } from './incomplete.ts';
import { rotation, shownRotation } from './rotation.ts';
import { shownTags, tags } from './search.ts';

const time = z.string().meta({ description: 'RFC 3339' });
const timeOrEmpty = z.string().meta({ description: 'RFC 3339; empty if it does not apply' });

/** What is known about a secret; never its value. */
export const SecretDetail = z.strictObject({
	id: z.string(),
	key: z.string(),
	deploymentName: z.string(),
	serviceName: z.string(),
	description: z.string(),
	tags: shownTags,
	type: z.string(),
	name: z.string().meta({ description: 'the name of a typed secret; otherwise the key' }),
	version: z.number().int(),
	state: z.enum(['live', 'deleted', 'destroyed']),
	createdAt: time,
	createdBy: z.string().meta({ description: 'empty for a secret that was written without the API' }),
	updatedAt: timeOrEmpty,
	updatedBy: z.string(),
	deletedAt: timeOrEmpty,
	deletedBy: z.string(),
	expiresAt: timeOrEmpty,
	rotation: shownRotation,
	incomplete: incomplete.optional(),
});
export const OrgSecretDetail = SecretDetail.omit({ deploymentName: true, serviceName: true });

/** A change of what is known about a secret. */
export const SecretDescription = z
	.strictObject({
		description: description.optional(),
		tags: tags.optional(),
		rotation: rotation.nullable().optional().meta({ description: 'null: the secret keeps its value' }),
	})
	.refine((change) => Object.values(change).some((field) => field !== undefined), {
		error: 'must have description, tags or rotation',
	});

export const SecretDeletion = z.strictObject({
	id,
	confirm: key.optional().meta({ description: 'the key of the secret; required with `destroy=true`' }),
});
export const DeletionQuery = z.strictObject({
	destroy: z
		.enum(['true', 'false'])
		.optional()
		.meta({ description: '`true`: destroy every version; nothing can restore them' }),
});
export const DeletedSecret = z.strictObject({ status: z.enum(['deleted', 'destroyed']) });

export const VersionsQuery = z.strictObject({ id });
export const SecretVersions = z.array(
	z.strictObject({
		version: z.number().int(),
		createdAt: time,
		deletedAt: timeOrEmpty,
		destroyed: z.boolean(),
		current: z.boolean(),
		by: z.string().meta({ description: 'who wrote it; empty if it is not known: see the audit store' }),
	}),
);

export const UndeletedSecret = z.strictObject({ status: z.literal('undeleted') });

const version = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

export const SecretRestoration = z.strictObject({
	id,
	version: version.meta({ description: 'the version whose value becomes the newest version' }),
	expected: version.optional().meta({
		description: 'the current version as you know it; when it is another one by now, the answer is 409',
	}),
});
export const RestoredSecret = z.strictObject({
	status: z.literal('restored'),
	version: z.number().int().meta({ description: 'the new version' }),
});
