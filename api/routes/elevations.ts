import { randomUUID } from 'node:crypto';
import { ok, type Result } from '../../contract/result.ts';
import { authorizeDeployment, findWithAccess } from '../access/authorize.ts';
import { type Problem, refuse } from '../problem.ts';
import {
	type Elevation,
	type ElevationTarget,
	isPending,
	type ListedElevation,
} from '../reveal/elevation.ts';
import { ElevationApproval, ElevationEnd, ElevationQuery, NewElevation } from '../schemas/reveal.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';
import { authorizeOrg, revealOf } from './reveal.ts';

const PATH = '/api/elevations';
const resource = 'secrets';
const permission = { resource, verb: 'reveal', needs: 'location' } as const;
const FORBIDDEN = {
	description: 'not your deployment or organization, or none; or a role is missing',
	schema: 'Problem',
} as const;
const ABSENT = {
	description: 'there is no such elevation, or another was asked for since',
	schema: 'Problem',
} as const;
const NO_ELEVATION = 'there is no such elevation';

type Target = { readonly deployment?: string | undefined; readonly org?: string | undefined };

function targetOf({ deployment, org = '' }: Target): ElevationTarget {
	return deployment === undefined ? { kind: 'org', name: org } : { kind: 'deployment', name: deployment };
}

const scopeOf = ({ kind, name }: ElevationTarget): string => `${kind}s/${name}`;

function encode(elevation: Elevation, state: ListedElevation['state'], seconds: number): object {
	const { target, ...rest } = elevation;
	const deployment = target.kind === 'deployment' ? target.name : '';
	return { ...rest, deployment, org: target.kind === 'org' ? target.name : '', state, seconds };
}

/** Whether the caller may have an elevation for a target, or needs none. */
async function mayElevate(call: Call<Target>, target: ElevationTarget): Promise<Result<void, Problem>> {
	if (target.kind === 'org') return await authorizeOrg(call, target.name, call.authorize);
	const granted = await authorizeDeployment(call, 'reveal', target.name);
	if (!granted.ok) return granted;
	return granted.value.decision === 'elevation'
		? ok(undefined)
		: refuse(409, 'you need no elevation: as a member you can see the values of this deployment');
}

/** Allows those who watch over a target: its managers, and callers who could have an elevation themselves. */
async function mayWatch(call: Call<Target>, target: ElevationTarget): Promise<Result<void, Problem>> {
	if (target.kind === 'deployment') {
		const manager = await authorizeDeployment(call, 'members', target.name);
		if (manager.ok) return ok(undefined);
	}
	return await mayElevate(call, target);
}

/** Tells the managers of a target of an elevation. The call does not wait for it. */
async function tell(
	call: Call<Target>,
	{ target, ...elevation }: Elevation,
	state: 'pending' | 'active',
): Promise<void> {
	const { sendNotice, elevationSeconds: seconds } = revealOf(call);
	if (sendNotice === undefined) return;
	const found = target.kind === 'org' ? undefined : await findWithAccess(call, target.name);
	const managers = (found?.access.members ?? []).flatMap(({ member, role }) =>
		role === 'manager' ? [member] : [],
	);
	void sendNotice({ ...elevation, state, target: scopeOf(target), managers, seconds });
}

const create = operation(
	{
		method: 'post',
		path: PATH,
		id: 'elevations.create',
		summary: 'Get the right to see values of a deployment or an organization for a short time',
		permission,
		body: 'NewElevation',
		responses: {
			201: { description: 'active, or waiting for a second person', schema: 'Elevation' },
			403: FORBIDDEN,
			409: {
				description: 'no elevation is needed, or another was asked for at the same time',
				schema: 'Problem',
			},
		},
	},
	NewElevation,
	async (call) => {
		const { caller, input, auditStamp, note, requireAudit } = call;
		const { elevations, needsApproval, elevationSeconds } = revealOf(call);
		const { reason } = input;
		const target = targetOf(input);
		const id = randomUUID();
		note({ scope: scopeOf(target), reason, elevation: id });
		const allowed = await mayElevate(call, target);
		if (!allowed.ok) return allowed;
		const audited = await requireAudit();
		if (!audited.ok) return audited;
		const elevation: Elevation = {
			...{ id, target, reason, subject: caller.subject },
			requestedAt: auditStamp.at.toISOString(),
			approvedBy: '',
		};
		const version = await elevations.request(elevation);
		if (!needsApproval && !(await elevations.start(elevation, version)))
			return refuse(409, 'you asked for another elevation at the same time, or ended it: ask again');
		const state = needsApproval ? 'pending' : 'active';
		await tell(call, elevation, state);
		return reply(201, encode(elevation, state, elevationSeconds));
	},
);

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'elevations.list',
		summary: 'List the elevations of a deployment or an organization: for its managers and admins',
		permission,
		query: 'ElevationQuery',
		responses: {
			200: { description: 'the elevations', schema: 'ElevationList' },
			403: FORBIDDEN,
			409: { description: 'only managers and admins see them', schema: 'Problem' },
		},
	},
	ElevationQuery,
	async (call) => {
		const { elevations, elevationSeconds } = revealOf(call);
		const target = targetOf(call.input);
		call.note({ scope: scopeOf(target) });
		const allowed = await mayWatch(call, target);
		if (!allowed.ok) return allowed;
		const all = await elevations.list(target);
		return reply(
			200,
			all.map(({ state, version: _, ...elevation }) => encode(elevation, state, elevationSeconds)),
		);
	},
);

const approve = operation(
	{
		method: 'put',
		path: PATH,
		id: 'elevations.approve',
		summary: 'Approve an elevation of somebody else: it starts now',
		permission,
		body: 'ElevationApproval',
		responses: {
			200: { description: 'active', schema: 'Elevation' },
			403: FORBIDDEN,
			404: ABSENT,
			409: { description: 'only managers and admins can approve', schema: 'Problem' },
		},
	},
	ElevationApproval,
	async (call) => {
		const { caller, input, note, auditStamp, requireAudit } = call;
		const { elevations, elevationSeconds } = revealOf(call);
		const target = targetOf(input);
		note({ scope: scopeOf(target), elevation: input.id });
		const allowed = await mayWatch(call, target);
		if (!allowed.ok) return allowed;
		const requested = (await elevations.list(target)).find(({ id }) => id === input.id);
		if (requested === undefined || !isPending(requested, auditStamp.at)) return refuse(404, NO_ELEVATION);
		const { state: _, version, ...elevation } = requested;
		if (elevation.subject === caller.subject)
			return refuse(403, 'a second person must approve it: nobody approves their own elevation');
		const audited = await requireAudit();
		if (!audited.ok) return audited;
		const approved = { ...elevation, approvedBy: caller.subject };
		// Only what was looked at: the subject may have asked for another one since.
		if (!(await elevations.start(approved, version))) return refuse(404, NO_ELEVATION);
		await tell(call, approved, 'active');
		return reply(200, encode(approved, 'active', elevationSeconds));
	},
);

const end = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'elevations.end',
		summary: 'End an elevation at once: your own, or as a manager or admin that of somebody else',
		permission,
		body: 'ElevationEnd',
		responses: {
			200: { description: 'ended', schema: 'Deleted' },
			403: FORBIDDEN,
			409: { description: 'only managers and admins can end those of others', schema: 'Problem' },
		},
	},
	ElevationEnd,
	async (call) => {
		const { caller, input, note } = call;
		const { subject = caller.subject } = input;
		const target = targetOf(input);
		note({ scope: scopeOf(target), key: subject });
		// Ending one's own only takes a right away.
		const allowed = subject === caller.subject ? ok(undefined) : await mayWatch(call, target);
		if (!allowed.ok) return allowed;
		await revealOf(call).elevations.end(target, subject);
		return reply(200, { status: 'deleted' });
	},
);

/** `/api/elevations` */
export const elevationOperations: readonly Operation[] = [create, list, approve, end];
