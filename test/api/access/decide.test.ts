/** The table of docs/managed-secrets.md: each role and each operation. */
import { expect, test } from 'vitest';
import {
	type Decision,
	decide,
	MEMBER_ROLES,
	ROLES_IN_DEPLOYMENT,
	type RoleInDeployment,
	type Standing,
} from '../../../api/access/decide.ts';
import { DEPLOYMENT_OPERATIONS } from '../../../api/access/operations.ts';
import { ORG_ROLES, type OrgRole } from '../../../api/auth/caller.ts';
import { cellOf } from '../support/role-table.ts';

const LETTERS: Readonly<Record<string, Decision>> = { y: 'yes', n: 'no', e: 'elevation' };

function standingOf(role: RoleInDeployment): Standing {
	const member = MEMBER_ROLES.find((one) => one === role);
	const org = ORG_ROLES.find((one) => one === role);
	return { member, org, holdsOrgRole: org !== undefined };
}

const CELLS = DEPLOYMENT_OPERATIONS.flatMap((operation) =>
	ROLES_IN_DEPLOYMENT.map((role) => [role, operation, LETTERS[cellOf(role, operation)]] as const),
);

test.each(CELLS)('%s, %s: %s', (role, operation, decision) => {
	expect(decide(standingOf(role), operation)).toBe(decision);
});

test('a member who also holds a role in the organization may do what either may, and reveals with elevation', () => {
	for (const member of MEMBER_ROLES)
		for (const org of ORG_ROLES)
			for (const operation of DEPLOYMENT_OPERATIONS) {
				const alone = (role: MemberOrOrg) => decide(standingOf(role), operation);
				const expected = operation === 'reveal' ? 'elevation' : better(alone(member), alone(org));
				expect(decide({ member, org, holdsOrgRole: true }, operation)).toBe(expected);
			}
});

test('a role in the organization that the call is not about gives nothing, and still makes reveal need elevation', () => {
	const standing = (member: Standing['member']) => ({ member, org: undefined, holdsOrgRole: true });
	expect(decide(standing('developer'), 'reveal')).toBe('elevation');
	expect(decide(standing(undefined), 'list')).toBe('no');
	expect(decide(standing('viewer'), 'update')).toBe('no');
});

type MemberOrOrg = (typeof MEMBER_ROLES)[number] | OrgRole;
const better = (one: Decision, two: Decision): Decision => (one === 'yes' || two === 'yes' ? 'yes' : 'no');
