import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import type { Deployment } from '../deployments/registry.ts';
import { MEMBER_ROLES, type MemberRole, strongest } from './decide.ts';

const MEMBER = z.object({
	/** A subject, `group:NAME`, `kubernetes-group:NAME`, or `email:ADDRESS` for an invitation. */
	member: z.string(),
	role: z.enum(MEMBER_ROLES),
	/** The subject who added the member or changed the role last. */
	by: z.string(),
	at: z.string(),
});
/** A member of a deployment, or somebody who is invited. */
export type Member = z.infer<typeof MEMBER>;

const TRANSFER = z.object({
	/** The subject who must accept. */
	to: z.string(),
	/** The organization of the deployment after the transfer. */
	org: z.string(),
	by: z.string(),
	at: z.string(),
});
/** A transfer of a deployment that nobody has accepted yet. */
export type Transfer = z.infer<typeof TRANSFER>;

const RECORD = z.object({
	/** The creation time of the deployment. An earlier deployment of the same name had another one. */
	createdAt: z.string(),
	org: z.string(),
	owner: z.string(),
	members: z.array(MEMBER),
	transfer: TRANSFER.optional(),
});
/** Who has access to a deployment. It is stored as one JSON value, and changed by check-and-set. */
export type AccessRecord = z.infer<typeof RECORD>;

/** The prefix of a member who is invited by e-mail address. */
export const INVITATION = 'email:';

/** Encodes a record into the fields of its entry. */
export const encodeAccess = (record: AccessRecord): { access: string } => ({
	access: JSON.stringify(record),
});

/** Decodes what `encodeAccess` returned; undefined when there are no fields. Only the API writes records. */
export function decodeAccess(fields: Readonly<Record<string, string>> | undefined): AccessRecord | undefined {
	const text = fields?.['access'];
	return text === undefined ? undefined : RECORD.parse(JSON.parse(text));
}

/** The record of a deployment that has none yet: its owner is the only manager. */
export function initialAccess({ owner, org, createdAt }: Deployment): AccessRecord {
	return { createdAt, org, owner, members: [{ member: owner, role: 'manager', by: owner, at: createdAt }] };
}

/** Everything under which a caller can be a member: the subject and the groups. */
export function identitiesOf({
	subject,
	groups = [],
}: Pick<Caller, 'subject' | 'groups'>): readonly string[] {
	return [subject, ...groups];
}

/** The strongest role of a caller among the members; undefined for others. */
export function memberRole(
	{ members }: Pick<AccessRecord, 'members'>,
	caller: Pick<Caller, 'subject' | 'groups'>,
): MemberRole | undefined {
	const identities = identitiesOf(caller);
	return strongest(members.filter(({ member }) => identities.includes(member)).map(({ role }) => role));
}
