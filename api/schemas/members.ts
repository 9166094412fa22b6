import { z } from 'zod';
import { MEMBER_ROLES } from '../access/decide.ts';
import { isSubject, SUBJECT_BYTES } from '../auth/caller.ts';
import { name } from './common.ts';

/** Groups that every caller of the cluster is in. As members they would open a deployment to all pods. */
const EVERYBODY = ['kubernetes-group:system:authenticated', 'kubernetes-group:system:unauthenticated'];
const PREFIX = /^(?:user|kubernetes|group|kubernetes-group|email):./;
const EMAIL = /^[^\s@]+@[^\s@]+$/;

const subject = z.string().refine((text) => isSubject(text) && /^(?:user|kubernetes):./.test(text), {
	error: `must be a subject: user:NAME or kubernetes:NAME, at most ${SUBJECT_BYTES} bytes`,
});

const member = z
	.string()
	.refine((text) => isSubject(text) && PREFIX.test(text), {
		error: `must be user:NAME, kubernetes:NAME, group:NAME, kubernetes-group:NAME or email:ADDRESS, at most ${SUBJECT_BYTES} bytes`,
	})
	.refine((text) => !text.startsWith('email:') || EMAIL.test(text.slice('email:'.length)), {
		error: 'must be email: and one e-mail address',
	})
	.refine((text) => !EVERYBODY.includes(text), { error: 'must not be a group of all callers' })
	// Addresses are compared without regard to case, as mail servers do.
	.transform((text) => (text.startsWith('email:') ? text.toLowerCase() : text));

const role = z.enum(MEMBER_ROLES);

const Member = z.strictObject({
	member: z.string().meta({
		description:
			'a subject (user:…, kubernetes:…), a group (group:…, kubernetes-group:…), or email:… for an invitation',
	}),
	role,
	by: z.string().meta({ description: 'who added the member, or changed the role last' }),
	at: z.string(),
});

const Transfer = z.strictObject({ to: z.string(), org: z.string(), by: z.string(), at: z.string() });

export const Members = z.strictObject({
	org: z.string(),
	owner: z.string(),
	members: z.array(Member),
	transfer: Transfer.optional().meta({ description: 'an offer that nobody has accepted yet' }),
});

export const MemberInput = z.strictObject({ member, role });
export const MemberName = z.strictObject({ member });

export const NewTransfer = z.strictObject({
	to: subject.meta({ description: 'the subject who must accept' }),
	org: name.optional().meta({ description: 'another organization; admins of both must agree' }),
});

const Invitation = z.strictObject({
	deployment: z.string(),
	kind: z.enum(['member', 'transfer']),
	role: z.string(),
	org: z.string(),
	by: z.string(),
	at: z.string(),
});
export const InvitationList = z.array(Invitation);
export const InvitationAnswer = z.strictObject({ deployment: name });
