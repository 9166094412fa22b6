import { z } from 'zod';
import { ORG_ROLES, SCOPES } from '../auth/caller.ts';

const DAYS_MAX = 366;
const NAME_MAX = 64;
/** Begins with a letter or digit. */
const NAME = new RegExp(`^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]{0,${NAME_MAX - 1}}$`, 'u');

export const NewApiKey = z.strictObject({
	name: z.string().regex(NAME, {
		error: `must be 1 to ${NAME_MAX} printable characters`,
	}),
	scopes: z.array(z.enum(SCOPES)).min(1),
	roles: z.array(z.enum(ORG_ROLES)).default([]),
	expiresInDays: z.number().int().min(1).max(DAYS_MAX).default(90),
});

export const ApiKey = z.strictObject({
	id: z.string(),
	name: z.string(),
	org: z.string(),
	scopes: z.array(z.enum(SCOPES)),
	roles: z.array(z.enum(ORG_ROLES)),
	createdAt: z.string(),
	expiresAt: z.string(),
});
export const ApiKeyList = z.array(ApiKey);
export const OrgApiKey = ApiKey.extend({
	owner: z.string().meta({ description: 'for whom it acts' }),
});
export const OrgApiKeyList = z.array(OrgApiKey);
export const CreatedApiKey = ApiKey.extend({
	key: z.string().meta({ description: 'the key itself, shown this once' }),
});
export const ApiKeyId = z.strictObject({ id: z.string().min(1).max(64) });
