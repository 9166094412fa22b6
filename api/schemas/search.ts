import { z } from 'zod';

/** Maximum number of tags, and of characters of one tag. Together they fit into one value of metadata. */
const TAGS = { most: 10, length: 48 } as const;

/** One tag. */
const tag = z.string().regex(new RegExp(`^[a-z0-9](?:[-a-z0-9_.:/]{0,${TAGS.length - 1}})$`), {
	error: `must be 1 to ${TAGS.length} lowercase letters, digits, "-", "_", ".", ":" and "/", with a letter or digit first`,
});

/** The tags of a secret. */
export const tags = z
	.array(tag)
	.max(TAGS.most)
	.refine((list) => new Set(list).size === list.length, { error: 'must name each tag once' })
	.meta({ description: 'words to find the secret by' });

/** Tags in an answer, sorted. */
export const shownTags = z.array(z.string());

const DURATION = /^(?:[1-9][0-9]{0,3})(?:h|d)$/;

/** What a list can be limited to. */
export const filters = z.strictObject({
	tag: tag.optional().meta({ description: 'only secrets with this tag' }),
	type: z
		.string()
		.regex(/^[a-z]{1,32}$/, { error: 'must be the name of a type' })
		.optional()
		.meta({ description: 'only secrets of this type' }),
	q: z.string().min(1).max(100).optional().meta({
		description: 'only secrets with this text in key or description; upper and lower case are the same',
	}),
	expiring: z
		.string()
		.regex(DURATION, { error: 'must be a time such as 30d or 12h, at most 9999' })
		.optional()
		.meta({ description: 'only secrets that end within this time, such as `30d` or `12h`, or have ended' }),
	deleted: z
		.enum(['true', 'false'])
		.optional()
		.meta({ description: '`true`: only deleted secrets that can be undeleted' }),
	page: z.string().max(2_048).optional().meta({
		description:
			'empty: the first page; else the header Envtier-Next-Page of the page before. Without it: everything at once',
	}),
});

/** Milliseconds of a time such as `30d`, in the form that `filters` accepts. */
export function durationOf(text: string): number {
	return Number(text.slice(0, -1)) * (text.endsWith('d') ? 86_400_000 : 3_600_000);
}
