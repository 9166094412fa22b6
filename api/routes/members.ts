import { parseName } from '../../contract/names.ts';
import { ok, type Result } from '../../contract/result.ts';
import { authorizeDeployment, currentAccess, type GrantedDeployment } from '../access/authorize.ts';
import { addMember, type Change, changeRole, removeMember } from '../access/members.ts';
import type { DeploymentOperation } from '../access/operations.ts';
import type { AccessRecord } from '../access/record.ts';
import { changeAccess } from '../access/record-store.ts';
import { findDeployment } from '../deployments/registry.ts';
import { NOT_YOUR_DEPLOYMENT, type Problem, refuse } from '../problem.ts';
import { MemberInput, MemberName } from '../schemas/members.ts';
import { Nothing } from '../schemas/named.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';

const PATH = '/api/deployments/{name}/members';
const resource = 'deployments';
const needs = 'location';
const FORBIDDEN = {
	description: 'not your deployment, or none; your own membership; or a scope or role is missing',
	schema: 'Problem',
} as const;
const ABSENT = { description: 'no such member', schema: 'Problem' } as const;
const LAST = {
	description: 'the deployment would have no manager, or the Reveal program has this',
	schema: 'Problem',
} as const;

/** The members as a response. */
export function encodeMembers({ org, owner, members, transfer }: AccessRecord): object {
	return { org, owner, members, ...(transfer === undefined ? {} : { transfer }) };
}

/** Refuses to change records in a program that may only read them. */
export function checkWritable({
	accessMode,
	revealUrl,
}: Pick<Call<unknown>, 'accessMode' | 'revealUrl'>): Result<void, Problem> {
	return accessMode === 'api-beside-reveal'
		? refuse(409, `the Reveal program manages who has access: send this call to ${revealUrl}`)
		: ok(undefined);
}

/**
 * Changes the access record of the deployment that the path names. The caller's right is decided again on
 * each attempt, so that a change by somebody who lost the right meanwhile is refused.
 *
 * @param member whom the audit names
 */
export async function changeDeploymentAccess(
	call: Call<unknown>,
	operation: DeploymentOperation,
	member: string,
	change: (record: AccessRecord, granted: GrantedDeployment) => Change,
): Promise<Result<AccessRecord, Problem>> {
	const { store, name, note, requireAudit } = call;
	if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
	note({ scope: `deployments/${name}`, key: member });
	const writable = checkWritable(call);
	if (!writable.ok) return writable;
	const granted = await authorizeDeployment(call, operation, name);
	if (!granted.ok) return granted;
	const { access, decideOn } = granted.value;
	const first = change(access, granted.value);
	if (!first.ok) return first;
	const audited = await requireAudit();
	if (!audited.ok) return audited;
	return await changeAccess(
		store,
		name,
		(stored) => (stored?.createdAt === access.createdAt ? stored : access),
		(record) =>
			decideOn(record) === 'no' ? refuse(403, NOT_YOUR_DEPLOYMENT) : change(record, granted.value),
	);
}

const contextOf = ({ caller, auditStamp }: Call<unknown>) => ({ caller, at: auditStamp.at });

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'members.list',
		summary: 'List the members of a deployment, and its invitations',
		permission: { resource, verb: 'get', needs },
		responses: { 200: { description: 'the members', schema: 'Members' }, 403: FORBIDDEN },
	},
	Nothing,
	async (call) => {
		const { name, note } = call;
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
		note({ scope: `deployments/${name}` });
		const granted = await authorizeDeployment(call, 'metadata', name, { resource, verb: 'get' });
		return granted.ok ? reply(200, encodeMembers(granted.value.access)) : granted;
	},
);

const add = operation(
	{
		method: 'post',
		path: PATH,
		id: 'members.add',
		needsEntry: true,
		summary: 'Add a member, a group, or an invitation by e-mail address',
		permission: { resource, verb: 'members', needs },
		body: 'MemberInput',
		responses: {
			201: { description: 'added', schema: 'Members' },
			403: FORBIDDEN,
			409: { description: 'the member exists already, or the Reveal program has this', schema: 'Problem' },
		},
	},
	MemberInput,
	async (call) => {
		const { input } = call;
		const changed = await changeDeploymentAccess(call, 'members', input.member, (record) =>
			addMember(record, input, contextOf(call)),
		);
		return changed.ok ? reply(201, encodeMembers(changed.value)) : changed;
	},
);

const update = operation(
	{
		method: 'put',
		path: PATH,
		id: 'members.update',
		needsEntry: true,
		summary: 'Give a member another role',
		permission: { resource, verb: 'members', needs },
		body: 'MemberInput',
		responses: {
			200: { description: 'changed', schema: 'Members' },
			403: FORBIDDEN,
			404: ABSENT,
			409: LAST,
		},
	},
	MemberInput,
	async (call) => {
		const { input } = call;
		const changed = await changeDeploymentAccess(call, 'members', input.member, (record) =>
			changeRole(record, input, contextOf(call)),
		);
		return changed.ok ? reply(200, encodeMembers(changed.value)) : changed;
	},
);

const remove = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'members.remove',
		needsEntry: true,
		summary: 'Remove a member; members may remove themselves',
		permission: { resource, verb: 'members', needs },
		body: 'MemberName',
		responses: {
			200: { description: 'removed', schema: 'Members' },
			403: FORBIDDEN,
			404: ABSENT,
			409: LAST,
		},
	},
	MemberName,
	async (call) => {
		const { member } = call.input;
		// Leaving needs no more than being a member.
		const leaving = member === call.caller.subject && call.caller.kind !== 'api-key';
		const operation = leaving ? 'metadata' : 'members';
		const changed = await changeDeploymentAccess(call, operation, member, (record) =>
			removeMember(record, member),
		);
		return changed.ok ? reply(200, encodeMembers(changed.value)) : changed;
	},
);

/** `/api/deployments/{name}/members` */
export const memberOperations: readonly Operation[] = [list, add, update, remove];

/** The stored or initial record of a registered deployment, for callers who are not members yet. */
export async function recordFor(
	{ store, accessMode }: Pick<Call<unknown>, 'store' | 'accessMode'>,
	name: string,
): Promise<((stored: AccessRecord | undefined) => AccessRecord | undefined) | undefined> {
	if (accessMode === 'reveal') return (stored) => stored;
	const registered = await findDeployment(store, name);
	return registered && ((stored) => currentAccess(registered, stored));
}
