import { z } from 'zod';
import type { Caller } from '../auth/caller.ts';
import type { Deployment } from '../deployments/registry.ts';
import type { Store } from '../store/store.ts';
import { MEMBER_ROLES, type MemberRole, strongest } from './decide.ts';

const MEMBER = z.object({
	/** A subject, `group:NAME`, `kubernetes-group:NAME`, or `email:ADDRESS` for an invitation. */
	member: z.string(),
	role: z.enum(MEMBER_ROLES),
	/** The subject who added the member or changed the role last. */
	by: z.string(),
	at: z.string(),
});
const TRANSFER = z.object({
	/** The subject who must accept. */
	to: z.string(),
	org: z.string(),
	by: z.string(),
	at: z.string(),
});

const RECORD = z.object({
	org: z.string(),
	owner: z.string(),
	members: z.array(MEMBER),
	/** A transfer that nobody has accepted yet. */
	transfer: TRANSFER.optional(),
});
/** Who has access to a deployment. It is stored as one JSON value, and changed by check-and-set. */
export type AccessRecord = z.infer<typeof RECORD>;

/** The path of a deployment's access record. */
const accessPath = (name: string): string => `registry/access/deployments/${name}`;

/** The access record of a deployment; undefined if there is none yet. */
export async function readAccess(store: Store, name: string): Promise<AccessRecord | undefined> {
	const text = (await store.read(accessPath(name)))?.['access'];
	return text === undefined ? undefined : RECORD.parse(JSON.parse(text));
}

/** The record of a deployment that has none yet: its owner is the only manager. */
export function initialAccess({ owner, org, createdAt }: Deployment): AccessRecord {
	return { org, owner, members: [{ member: owner, role: 'manager', by: owner, at: createdAt }] };
}

/** Everything under which a caller can be a member: the subject and the groups. */
function identitiesOf({ subject, groups = [] }: Pick<Caller, 'subject' | 'groups'>): readonly string[] {
	return [subject, ...groups];
}

/** The strongest role of a caller among the members; undefined for others. */
export function memberRole(
	{ members }: AccessRecord,
	caller: Pick<Caller, 'subject' | 'groups'>,
): MemberRole | undefined {
	const identities = identitiesOf(caller);
	return strongest(members.filter(({ member }) => identities.includes(member)).map(({ role }) => role));
}
