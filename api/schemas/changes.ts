import { z } from 'zod';
import { description, force, id, key, name, value } from './common.ts';
import { tags } from './search.ts';

/** Maximum number of changes of one call. */
const MAX_CHANGES = 500;

const version = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).meta({
	description: 'the current version as you know it',
});
const described = { description: description.optional(), tags: tags.optional() };

const change = z.discriminatedUnion('change', [
	z.strictObject({
		change: z.literal('create'),
		tier: z.enum(['org', 'deployment', 'service']),
		service: name.optional(),
		...{ key, value, force, ...described },
	}),
	z.strictObject({ change: z.literal('update'), id, version, value, ...described }),
	z.strictObject({ change: z.literal('describe'), id, ...described }),
	z.strictObject({ change: z.literal('delete'), id, version }),
]);

/** One change of many. */
export type Change = z.output<typeof change>;

/** Changes of the secrets of one deployment, and of its organization. */
export const SecretChanges = z.strictObject({
	deployment: name,
	changes: z
		.array(change)
		.min(1)
		.max(MAX_CHANGES, { error: `must have at most ${MAX_CHANGES} changes` })
		.refine(
			(list) =>
				list.every(
					(one) => one.change !== 'create' || (one.tier === 'service') === (one.service !== undefined),
				),
			{ error: 'must name a service exactly where the tier is service' },
		)
		.refine((list) => new Set(list.map(targetOf)).size === list.length, {
			error: 'must change each secret once',
		}),
});

function targetOf(one: Change): string {
	return one.change === 'create' ? `${one.tier} ${one.service ?? ''} ${one.key}` : one.id;
}

export const SavedChanges = z.strictObject({ status: z.literal('saved'), changes: z.number().int() });
