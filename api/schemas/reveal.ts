import { z } from 'zod';
import { key, name } from './common.ts';
import { incomplete } from './incomplete.ts';

const REASON_BYTES = 256;

/** One line that a person reads later. Stored in Vault's custom_metadata, and sent as a header. */
const reason = z
	.string()
	.refine((text) => /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*\S[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text), {
		error: 'must be one line of printable text',
	})
	.refine((text) => Buffer.byteLength(text) <= REASON_BYTES, {
		error: `must be at most ${REASON_BYTES} bytes`,
	})
	.meta({ maxLength: REASON_BYTES });

const target = {
	deployment: name.optional(),
	org: name.optional(),
};
const isOne = ({ deployment, org }: { deployment?: string | undefined; org?: string | undefined }) =>
	(deployment === undefined) !== (org === undefined);
const ONE = { error: 'must name either deployment or org' };

export const RevealRequest = z
	.strictObject({ ...target, service: name.optional(), key, reason })
	.refine(isOne, ONE)
	.refine(({ service, deployment }) => service === undefined || deployment !== undefined, {
		error: 'must name a deployment with the service',
	});

export const RevealedValue = z.strictObject({
	key: z.string(),
	value: z.string(),
	version: z.number(),
	elevation: z.string().meta({ description: 'id of the elevation; empty without one' }),
	incomplete: incomplete.optional(),
});

export const NewElevation = z.strictObject({ ...target, reason }).refine(isOne, ONE);
export const ElevationQuery = z.strictObject(target).refine(isOne, ONE);
export const ElevationApproval = z.strictObject({ ...target, id: z.string().max(64) }).refine(isOne, ONE);
export const ElevationEnd = z
	.strictObject({
		...target,
		subject: z.string().max(512).optional().meta({ description: 'whose; without it your own' }),
	})
	.refine(isOne, ONE);

export const Elevation = z.strictObject({
	id: z.string(),
	deployment: z.string(),
	org: z.string(),
	subject: z.string(),
	reason: z.string(),
	requestedAt: z.string(),
	approvedBy: z.string(),
	state: z.enum(['pending', 'active', 'ended']),
	seconds: z.number().meta({ description: 'how long it lasts from its start' }),
});
export const ElevationList = z.array(Elevation);

export const NewAccess = z.strictObject({
	name,
	org: name,
	adopt: z.boolean().default(false).meta({
		description: 'take a name that has entries below it or is reserved: for platform administrators',
	}),
});
