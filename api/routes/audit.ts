import type { z } from 'zod';
import { ok, type Result } from '../../contract/result.ts';
import type { StampedLine } from '../../lib/audit/lines.ts';
import { authorizeDeployment } from '../access/authorize.ts';
import { decodePosition, encodePosition } from '../audit/store/position.ts';
import type { AuditStore } from '../audit/store/store.ts';
import { type Problem, refuse } from '../problem.ts';
import { AuditLines, AuditQuery } from '../schemas/audit.ts';
import { type Call, type Operation, operation, reply } from '../server/operation.ts';

const PATH = '/api/audit';
const resource = 'audit';
const DAY = 86_400_000;
const NONE = 'no audit store is configured: the operator must set ENVTIER_API_AUDIT_STORE';

type Query = Call<z.output<typeof AuditQuery>>;

/** The entries that a caller may read: the filters that the query must have. */
interface Visible {
	readonly deployment?: string;
	readonly org?: string;
	/** Entries before this time concern an earlier deployment of the same name. */
	readonly from?: Date;
}

/** Decides what a query may show: the entries of a deployment, of the organization, or all. */
async function visibleTo(call: Query): Promise<Result<Visible, Problem>> {
	const { caller, input, authorize, note } = call;
	if (input.deployment !== undefined) {
		note({ scope: `deployments/${input.deployment}` });
		const granted = await authorizeDeployment(call, 'audit', input.deployment);
		if (!granted.ok) return granted;
		const { name, createdAt } = granted.value.deployment;
		return ok({ deployment: name, from: new Date(createdAt) });
	}
	if (input.all === 'true') {
		note({ scope: 'audit' });
		const allowed = await authorize({ resource, verb: 'list', needs: 'platform-role' });
		return allowed.ok ? ok({}) : allowed;
	}
	const { org = '' } = caller;
	if (org !== '') note({ scope: `orgs/${org}` });
	const allowed = await authorize({ resource: 'orgsecrets', verb: 'audit', needs: 'org-role' }, org);
	return allowed.ok ? ok({ org }) : allowed;
}

/** The time range of a query: a day by default, and at most the retention. */
function rangeOf({ input, now, auditRetention }: Query): Result<{ since: Date; until: Date }, Problem> {
	const until = input.until === undefined ? now() : new Date(input.until);
	const since = input.since === undefined ? new Date(until.getTime() - DAY) : new Date(input.since);
	if (since >= until) return refuse(400, 'since must be before until');
	if (until.getTime() - since.getTime() > (auditRetention + 1) * DAY)
		return refuse(400, `since must be at most ${auditRetention} days before until`);
	return ok({ since, until });
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'audit.list',
		summary: 'Read audit entries of a deployment or of your organization, the oldest or the newest first',
		permission: { resource, verb: 'list', needs: 'location' },
		query: 'AuditQuery',
		responses: {
			200: { description: 'one page of entries', schema: 'AuditPage' },
			403: { description: 'not your deployment, or none; or a scope or role is missing', schema: 'Problem' },
			503: { description: 'no audit store is configured, or it does not answer', schema: 'Problem' },
		},
	},
	AuditQuery,
	async (call) => {
		const { input, auditStore } = call;
		const range = rangeOf(call);
		if (!range.ok) return range;
		const after = input.page === undefined ? undefined : decodePosition(input.page);
		if (input.page !== undefined && after === undefined)
			return refuse(400, 'page must be the `next` of an answer');
		const visible = await visibleTo(call);
		if (!visible.ok) return visible;
		if (auditStore === undefined) return refuse(503, NONE);
		const { from, ...filters } = visible.value;
		const { since, until } = range.value;
		const { entries, next } = await auditStore.page({
			...filters,
			...{ actor: input.actor, action: input.action, key: input.key, order: input.order },
			...{ limit: input.limit, after, until },
			since: from === undefined || from < since ? since : from,
		});
		return reply(200, { entries, ...(next === undefined ? {} : { next: encodePosition(next) }) });
	},
);

async function loadInto(
	store: AuditStore,
	lines: readonly StampedLine[],
	subject: string,
): Promise<{ readonly loaded: number; readonly present: number }> {
	const loaded = await store.insert(lines, subject);
	return { loaded, present: lines.length - loaded };
}

const load = operation(
	{
		method: 'post',
		path: PATH,
		id: 'audit.load',
		summary: 'Load audit lines from a log into the store, each once; entries that are there stay as they are',
		permission: { resource, verb: 'create', needs: 'platform-role' },
		body: 'AuditLines',
		responses: {
			200: { description: 'loaded', schema: 'AuditLoaded' },
			503: { description: 'no audit store is configured, or it does not answer', schema: 'Problem' },
		},
		// It asks the audit store alone.
		never: [500],
	},
	AuditLines,
	async ({ input, caller, auditStore, note, requireAudit }) => {
		note({ scope: 'audit' });
		if (auditStore === undefined) return refuse(503, NONE);
		const audited = await requireAudit();
		if (!audited.ok) return audited;
		// The schema has checked that a result line has its fields.
		return reply(200, await loadInto(auditStore, input.lines as readonly StampedLine[], caller.subject));
	},
);

/** `/api/audit` */
export const auditOperations: readonly Operation[] = [list, load];
