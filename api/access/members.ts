import { ok, type Result } from '../../contract/result.ts';
import type { Caller } from '../auth/caller.ts';
import { type Problem, refuse } from '../problem.ts';
import type { MemberRole } from './decide.ts';
import { type AccessRecord, INVITATION, identitiesOf, type Member } from './record.ts';

/** Maximum number of members and invitations of a deployment. A group counts as one. */
const MAX_MEMBERS = 200;

/** Who changes the members, and when. */
export interface ChangeContext {
	readonly caller: Pick<Caller, 'subject' | 'groups' | 'email'>;
	readonly at: Date;
}

/** A change of a record, or why it is refused. */
export type Change = Result<AccessRecord, Problem>;

const OWN = 'nobody changes their own membership; another manager or an admin of the organization can';
const LAST = 'a deployment keeps at least one manager: make somebody else manager first';
const NO_MEMBER = 'there is no such member';

/** Adds a member or an invitation. */
export function addMember(
	record: AccessRecord,
	{ member, role }: { readonly member: string; readonly role: MemberRole },
	{ caller, at }: ChangeContext,
): Change {
	if (isOneself(caller, member)) return refuse(403, OWN);
	if (record.members.some((one) => one.member === member))
		return refuse(409, 'this member exists already; PUT changes the role');
	if (record.members.length >= MAX_MEMBERS)
		return refuse(400, `a deployment has at most ${MAX_MEMBERS} members; use a group`);
	const added: Member = { member, role, by: caller.subject, at: at.toISOString() };
	return ok({ ...record, members: [...record.members, added] });
}

/** Changes the role of a member or an invitation. */
export function changeRole(
	record: AccessRecord,
	{ member, role }: { readonly member: string; readonly role: MemberRole },
	{ caller, at }: ChangeContext,
): Change {
	if (isOneself(caller, member)) return refuse(403, OWN);
	if (!record.members.some((one) => one.member === member)) return refuse(404, NO_MEMBER);
	const changed: Member = { member, role, by: caller.subject, at: at.toISOString() };
	return withManager({
		...record,
		members: record.members.map((one) => (one.member === member ? changed : one)),
	});
}

/** Removes a member or an invitation. Members may leave, because that only takes rights away. */
export function removeMember(record: AccessRecord, member: string): Change {
	const members = record.members.filter((one) => one.member !== member);
	if (members.length === record.members.length) return refuse(404, NO_MEMBER);
	return withManager({ ...record, members });
}

/** Refuses a record without a manager. An invitation does not count: nobody may ever accept it. */
function withManager(record: AccessRecord): Change {
	const managed = record.members.some(
		({ member, role }) => role === 'manager' && !member.startsWith(INVITATION),
	);
	return managed ? ok(record) : refuse(409, LAST);
}

/** Makes the caller a member in place of an invitation to the caller's verified e-mail address. */
export function acceptInvitation(record: AccessRecord, { caller, at }: ChangeContext): Change {
	const invitation = invitationOf(record, caller);
	if (invitation === undefined) return refuse(404, 'you have no such invitation');
	const others = record.members.filter((one) => one !== invitation);
	// A member keeps the role that others gave; accepting must not be a way to change it.
	if (others.some(({ member }) => member === caller.subject)) return ok({ ...record, members: others });
	const { role, by } = invitation;
	const accepted: Member = { member: caller.subject, role, by, at: at.toISOString() };
	return ok({ ...record, members: [...others, accepted] });
}

/** The invitation of a caller, if the issuer has verified the address. */
export function invitationOf(
	{ members }: Pick<AccessRecord, 'members'>,
	{ email }: Pick<Caller, 'email'>,
): Member | undefined {
	return email === undefined ? undefined : members.find(({ member }) => member === INVITATION + email);
}

function isOneself(caller: ChangeContext['caller'], member: string): boolean {
	const invitation = caller.email === undefined ? [] : [INVITATION + caller.email];
	return [...identitiesOf(caller), ...invitation].includes(member);
}
