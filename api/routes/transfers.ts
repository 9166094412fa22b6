import { parseName } from '../../contract/names.ts';
import { findWithAccess } from '../access/authorize.ts';
import { acceptInvitation, type Change, invitationOf } from '../access/members.ts';
import { type AccessRecord, INVITATION } from '../access/record.ts';
import { changeAccess, indexedForMembers, readAccess } from '../access/record-store.ts';
import { acceptTransfer, endTransfer, offerTo, offerTransfer } from '../access/transfer.ts';
import { PERSON_NEEDED } from '../auth/permission.ts';
import { mapAtMost } from '../concurrency.ts';
import { NOT_YOUR_DEPLOYMENT, refuse } from '../problem.ts';
import { InvitationAnswer, NewTransfer } from '../schemas/members.ts';
import { Nothing } from '../schemas/named.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';
import { changeDeploymentAccess, checkWritable, encodeMembers, recordFor } from './members.ts';

const PATH = '/api/deployments/{name}/transfer';
const resource = 'deployments';
const needs = 'location';
const AT_ONCE = 12;
const FORBIDDEN = {
	description: 'not your deployment or transfer, or none; or a scope or role is missing',
	schema: 'Problem',
} as const;
const ELSEWHERE = { description: 'the Reveal program has this', schema: 'Problem' } as const;

const contextOf = ({ caller, auditStamp }: Call<unknown>) => ({ caller, at: auditStamp.at });

const offer = operation(
	{
		method: 'post',
		path: PATH,
		id: 'deployments.transfer',
		needsEntry: true,
		summary: 'Offer a deployment to another subject; nothing changes until the recipient accepts',
		permission: { resource, verb: 'transfer', needs },
		body: 'NewTransfer',
		responses: { 201: { description: 'offered', schema: 'Members' }, 403: FORBIDDEN, 409: ELSEWHERE },
	},
	NewTransfer,
	async (call) => {
		const { to, org } = call.input;
		const changed = await changeDeploymentAccess(call, 'transfer', to, (record, { standing }) =>
			offerTransfer(record, { to, org: org ?? record.org }, contextOf(call), standing.org !== undefined),
		);
		return changed.ok ? reply(201, encodeMembers(changed.value)) : changed;
	},
);

/** Changes a record on behalf of a caller who need not be a member: `change` decides from the record. */
async function changeAsRecipient(
	call: Call<unknown>,
	name: string,
	change: (record: AccessRecord) => Change,
) {
	const { store, caller, note, requireAudit } = call;
	if (!parseName(name).ok) return refuse(403, NOT_YOUR_DEPLOYMENT);
	note({ scope: `deployments/${name}`, key: caller.subject });
	if (caller.kind === 'api-key') return refuse(403, PERSON_NEEDED);
	const writable = checkWritable(call);
	if (!writable.ok) return writable;
	const initial = await recordFor(call, name);
	const record = initial?.(await readAccess(store, name));
	if (initial === undefined || record === undefined) return refuse(403, NOT_YOUR_DEPLOYMENT);
	const first = change(record);
	if (!first.ok) return first;
	const audited = await requireAudit();
	return audited.ok ? await changeAccess(store, name, initial, change) : audited;
}

const accept = operation(
	{
		method: 'put',
		path: PATH,
		id: 'deployments.acceptTransfer',
		needsEntry: true,
		summary: 'Accept a deployment that was offered to you',
		permission: { resource, verb: 'transfer', needs: 'recipient' },
		responses: { 200: { description: 'yours now', schema: 'Members' }, 403: FORBIDDEN, 409: ELSEWHERE },
	},
	Nothing,
	async (call) => {
		const { caller, name, authorize } = call;
		const cluster = caller.user === undefined ? undefined : new Map<string, boolean>();
		const found = await findWithAccess(call, name);
		// RBAC answers before the change, because the decision on the record waits for nothing.
		const target = found && offerTo(found.access, caller, call.auditStamp.at)?.org;
		if (cluster !== undefined && target !== undefined) {
			const admin = await authorize({ resource: 'orgsecrets', verb: 'update', needs: 'scope-alone' }, target);
			cluster.set(target, admin.ok);
		}
		const inOrg = (org: string) =>
			org === caller.org && (caller.roles.has('org_admin') || caller.roles.has('org_owner'));
		const adminOf = (org: string): boolean => cluster?.get(org) ?? inOrg(org);
		const changed = await changeAsRecipient(call, name, (record) =>
			offerTo(record, caller, call.auditStamp.at) === undefined
				? refuse(403, NOT_YOUR_DEPLOYMENT)
				: acceptTransfer(record, contextOf(call), adminOf),
		);
		return changed.ok ? reply(200, encodeMembers(changed.value)) : changed;
	},
);

const end = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'deployments.endTransfer',
		needsEntry: true,
		summary: 'Withdraw the offer of a deployment, or decline one that was made to you',
		permission: { resource, verb: 'transfer', needs: 'recipient' },
		responses: {
			200: { description: 'ended', schema: 'Deleted' },
			403: FORBIDDEN,
			404: { description: 'there is no offer', schema: 'Problem' },
			409: ELSEWHERE,
		},
	},
	Nothing,
	async (call) => {
		const { caller, name } = call;
		const found = parseName(name).ok ? await findWithAccess(call, name) : undefined;
		const isRecipient = found?.access.transfer?.to === caller.subject;
		const changed = isRecipient
			? await changeAsRecipient(call, name, (record) =>
					record.transfer?.to === caller.subject ? endTransfer(record) : refuse(403, NOT_YOUR_DEPLOYMENT),
				)
			: await changeDeploymentAccess(call, 'transfer', '', endTransfer);
		return changed.ok ? reply(200, { status: 'deleted' }) : changed;
	},
);

const list = operation(
	{
		method: 'get',
		path: '/api/invitations',
		id: 'invitations.list',
		summary: 'List the deployments to which you are invited, or that are offered to you',
		permission: { resource, verb: 'list', needs: 'recipient' },
		responses: { 200: { description: 'the invitations', schema: 'InvitationList' } },
	},
	Nothing,
	async (call) => {
		const { store, caller, auditStamp, note } = call;
		const email = caller.email === undefined ? [] : [INVITATION + caller.email];
		const names = await indexedForMembers(store, [caller.subject, ...email]);
		const found = await mapAtMost(AT_ONCE, names, (name) => findWithAccess(call, name));
		note({ scope: 'deployments' });
		return reply(
			200,
			found.flatMap((one) => {
				if (one === undefined) return [];
				const deployment = one.deployment.name;
				const invited = invitationOf(one.access, caller);
				const offered = offerTo(one.access, caller, auditStamp.at);
				return [
					...(invited === undefined
						? []
						: [
								{
									deployment,
									kind: 'member',
									role: invited.role,
									org: one.access.org,
									by: invited.by,
									at: invited.at,
								},
							]),
					...(offered === undefined
						? []
						: [
								{
									deployment,
									kind: 'transfer',
									role: 'manager',
									org: offered.org,
									by: offered.by,
									at: offered.at,
								},
							]),
				];
			}),
		);
	},
);

const join = operation(
	{
		method: 'post',
		path: '/api/invitations',
		id: 'invitations.accept',
		needsEntry: true,
		summary: 'Accept an invitation to your verified e-mail address: you become a member',
		permission: { resource, verb: 'update', needs: 'session' },
		body: 'InvitationAnswer',
		responses: {
			200: { description: 'you are a member', schema: 'Members' },
			403: FORBIDDEN,
			409: ELSEWHERE,
		},
	},
	InvitationAnswer,
	async (call) => {
		const changed = await changeAsRecipient(call, call.input.deployment, (record) => {
			const accepted = acceptInvitation(record, contextOf(call));
			// The same as for a deployment that does not exist.
			return accepted.ok ? accepted : refuse(403, NOT_YOUR_DEPLOYMENT);
		});
		return changed.ok ? reply(200, encodeMembers(changed.value)) : changed;
	},
);

/** `/api/deployments/{name}/transfer` and `/api/invitations` */
export const transferOperations: readonly Operation[] = [offer, accept, end, list, join];
