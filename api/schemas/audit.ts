import { z } from 'zod';
import { name } from './common.ts';

/** Entries of one page, and lines of one load. */
const PAGE = { default: 100, max: 1000 } as const;
const LOAD_MAX = 500;

const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2027-01-31T00:00:00Z' });
const text = (max: number) => z.string().max(max, { error: `must have at most ${max} characters` });
const wholeNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const AuditQuery = z.strictObject({
	deployment: name.optional().meta({
		description: 'only entries of this deployment; without it those of the organization',
	}),
	all: z
		.literal('true', { error: 'must be true' })
		.optional()
		.meta({ description: 'entries of all organizations; needs the role platform_admin' }),
	actor: text(512).optional().meta({ description: 'only entries of this subject' }),
	action: text(64).optional().meta({ description: 'only entries of this action, an operationId' }),
	key: text(1024)
		.min(1, { error: 'must not be empty' })
		.optional()
		.meta({ description: 'only entries of secrets with this key' }),
	order: z
		.enum(['oldest', 'newest'], { error: 'must be oldest or newest' })
		.default('oldest')
		.meta({ description: 'which entries come first; by default the oldest' }),
	since: time.optional().meta({ description: 'not before this time; by default a day before `until`' }),
	until: time.optional().meta({ description: 'before this time; by default now' }),
	limit: z
		.string()
		.regex(/^[0-9]{1,4}$/, { error: `must be 1 to ${PAGE.max}` })
		.transform(Number)
		.refine((count) => count >= 1 && count <= PAGE.max, { error: `must be 1 to ${PAGE.max}` })
		.default(PAGE.default)
		.meta({ description: `entries of one page, 1 to ${PAGE.max}; by default ${PAGE.default}` }),
	page: text(512)
		.optional()
		.meta({ description: '`next` of the page before, with the same filters and order' }),
});

const FIELDS = {
	time,
	phase: z.enum(['intent', 'result']),
	actor: text(1024),
	via: z.enum(['api-key', 'session', 'kubernetes', 'none', 'system']),
	action: text(1024),
	eventId: text(1024),
	scope: text(1024),
	key: text(1024),
	requestId: text(1024),
	ip: text(1024),
	replica: text(1024),
	sequence: wholeNumber,
	result: z.enum(['done', 'refused', 'failed', 'aborted']).optional(),
	status: z.number().int().min(100).max(599).optional(),
	version: z
		.number()
		.int()
		.min(1)
		.max(Number.MAX_SAFE_INTEGER)
		.optional()
		.meta({ description: 'the version of the key that was written' }),
	org: text(1024).optional(),
	email: text(1024).optional(),
	secretType: text(1024).optional(),
	elevation: text(1024).optional(),
	reason: text(1024).optional(),
};

export const AuditEntry = z.strictObject({
	...FIELDS,
	loadedBy: z.string().optional().meta({ description: 'who loaded the line from a log' }),
});
export const AuditPage = z.strictObject({
	entries: z.array(AuditEntry),
	next: z.string().optional().meta({ description: 'the value of `page` for the next page, if there is one' }),
});

const line = z
	.strictObject(FIELDS)
	.refine(({ phase, version }) => phase === 'result' || version === undefined, {
		error: 'must have version only if its phase is "result"',
	})
	.refine(
		({ phase, result, status }) => (phase === 'result') === (result !== undefined && status !== undefined),
		{
			error: 'must have result and status if its phase is "result", and neither otherwise',
		},
	);
export const AuditLines = z.strictObject({ lines: z.array(line).min(1).max(LOAD_MAX) });
export const AuditLoaded = z.strictObject({
	loaded: wholeNumber.meta({ description: 'lines that were new' }),
	present: wholeNumber.meta({ description: 'lines that the store had' }),
});
