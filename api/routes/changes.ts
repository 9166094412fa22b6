import { err, ok, type Result } from '../../contract/result.ts';
import { authorizeDeployment, type GrantedDeployment } from '../access/authorize.ts';
import type { DeploymentOperation } from '../access/operations.ts';
import {
	NO_SUCH_SECRET,
	NOT_YOUR_DEPLOYMENT,
	type Problem,
	type ProblemOfChange,
	refuse,
} from '../problem.ts';
import { type Change, SecretChanges } from '../schemas/changes.ts';
import { checkChanges, type PlannedChange } from '../secrets/check-changes.ts';
import {
	folderOf,
	parseSecretId,
	type SecretLocation,
	type StampedSecretRef,
} from '../secrets/secret-location.ts';
import { writeChanges } from '../secrets/write-changes.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';
import { updateTypedAt } from '../typed/requests.ts';

type ChangesCall = Call<{ readonly deployment: string; readonly changes: readonly Change[] }>;

/** The secret that a change is about. Only the deployment of the call, and its organization, are allowed. */
function refOf(change: Change, deployment: string, org: string): StampedSecretRef | undefined {
	if (change.change === 'create') {
		const { tier, service, key } = change;
		const location: SecretLocation =
			tier === 'org'
				? { kind: 'org', org }
				: { kind: 'deployment', deployment, ...(service === undefined ? {} : { service }) };
		return { location, key, stamp: undefined };
	}
	const ref = parseSecretId(change.id);
	const inside =
		(ref?.location.kind === 'deployment' && ref.location.deployment === deployment) ||
		(ref?.location.kind === 'org' && ref.location.org === org);
	return inside ? ref : undefined;
}

const OPERATIONS = {
	create: 'create',
	update: 'update',
	describe: 'update',
	delete: 'delete',
} as const satisfies Record<Change['change'], DeploymentOperation>;

/**
 * Checks the right to each kind of change at the deployment, before it is known what the ids name. Gives the
 * last of the grants.
 */
async function authorizeChanges(call: ChangesCall): Promise<Result<GrantedDeployment, Problem>> {
	const { deployment, changes } = call.input;
	let last: Result<GrantedDeployment, Problem> = refuse(403, NOT_YOUR_DEPLOYMENT);
	for (const action of actionsOf(changes)) {
		last = await authorizeDeployment(call, action, deployment);
		if (!last.ok) return last;
	}
	return last;
}

/** Checks the right to change secrets of the organization, which all of its deployments get. */
async function authorizeOrgChanges(
	{ caller, authorize }: ChangesCall,
	planned: readonly PlannedChange[],
	org: string,
): Promise<Result<void, Problem>> {
	const changes = planned.filter(({ ref }) => ref.location.kind === 'org').map(({ change }) => change);
	if (changes.length > 0 && caller.org !== org)
		return refuse(403, 'the deployment belongs to another organization than your call');
	for (const verb of actionsOf(changes)) {
		const allowed = await authorize({ resource: 'orgsecrets', verb, needs: 'org-role' });
		if (!allowed.ok) return allowed;
	}
	return ok(undefined);
}

function actionsOf(changes: readonly Change[]): ReadonlySet<(typeof OPERATIONS)[Change['change']]> {
	return new Set(changes.map(({ change }) => OPERATIONS[change]));
}

const NOTHING_SAVED = 'nothing is saved';

function refuseCells(
	status: 409 | 500,
	what: string,
	cells: readonly ProblemOfChange[],
): Result<never, Problem> {
	return err({ status, message: what, cells });
}

const save = operation(
	{
		method: 'post',
		path: '/api/changes',
		id: 'changes.save',
		summary: 'Change many secrets of a deployment at once: all of them, or none',
		permission: { resource: 'secrets', verb: 'update', needs: 'location' },
		body: 'SecretChanges',
		responses: {
			200: { description: 'all changes are saved', schema: 'SavedChanges' },
			403: { description: 'not your deployment, or none; or a scope or role is missing', schema: 'Problem' },
			404: { description: 'an id names no secret of the deployment or its organization', schema: 'Problem' },
			409: { description: 'nothing is saved; `cells` says why for each change', schema: 'Problem' },
		},
	},
	SecretChanges,
	async (call) => {
		const { store, input, note, auditStamp, step, overwritesPerHour } = call;
		const { deployment, changes } = input;
		note({ scope: `deployments/${deployment}` });
		const granted = await authorizeChanges(call);
		if (!granted.ok) return granted;
		const { org } = granted.value.deployment;
		const planned = changes.flatMap((change, index) => {
			const ref = refOf(change, deployment, org);
			return ref === undefined ? [] : [{ index, change, ref }];
		});
		note(...planned.map(({ ref }) => ({ scope: folderOf(ref.location), key: ref.key })));
		if (planned.length < changes.length) return refuse(404, NO_SUCH_SECRET);
		const allowed = await authorizeOrgChanges(call, planned, org);
		if (!allowed.ok) return allowed;
		const problems = await checkChanges(store, planned, { overwritesPerHour, now: auditStamp.at });
		if (problems.length > 0)
			return refuseCells(
				409,
				`${NOTHING_SAVED}: ${problems.length} of ${changes.length} changes cannot be made`,
				problems,
			);
		const rules = { overwritesPerHour, isStillOwned: granted.value.isStillGranted };
		const updateTyped = ({ change, ref }: PlannedChange) =>
			change.change === 'update' ? updateTypedAt(call, ref, change) : Promise.resolve(undefined);
		const outcome = await writeChanges({ ...auditStamp, store, rules, step, updateTyped }, planned);
		if (outcome.problems.length === 0) return reply(200, { status: 'saved', changes: changes.length });
		return outcome.partly
			? refuseCells(500, 'the changes named here are not saved, the others are: save again', outcome.problems)
			: refuseCells(
					409,
					`${NOTHING_SAVED}: a change failed, and the ones before it were taken back`,
					outcome.problems,
				);
	},
);

/** `/api/changes` */
export const changeOperations: readonly Operation[] = [save];
