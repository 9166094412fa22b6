import type { Request, Response } from 'express';
import { ok, type Result } from '../../contract/result.ts';
import { RequestFailure } from '../../lib/vault/request-failure.ts';
import { AuditStoreFailure } from '../audit/store/store.ts';
import { beforeChanges } from '../audit/trail.ts';
import { type Problem, refuse } from '../problem.ts';
import { StoreFailure } from '../store/store.ts';
import { authenticateCall, type RequestContext } from './authenticate-call.ts';
import type { ReadBody } from './body.ts';
import { trailOf } from './call-trail.ts';
import type { AppDependencies } from './dependencies.ts';
import type { Operation, Reply } from './operation.ts';
import { send } from './send.ts';

const AUDIT_AWAY = 'the audit store does not answer, and this call needs it; try again later';
const IDEMPOTENCY_KEY = /^[A-Za-z0-9._:-]{1,128}$/;

/** Runs one operation and sends its reply. An error becomes a 500 that names the request id. */
export async function runOperation(
	parts: AppDependencies,
	readBody: ReadBody,
	operation: Operation,
	request: Request,
	response: Response,
): Promise<void> {
	const trail = trailOf(response);
	trail.audit.action = operation.id;
	trail.working = true;
	try {
		const result = await reply(parts, readBody, operation, { request, response, audit: trail.audit });
		// A reply that shows data needs an intent line too.
		if (result.ok) trail.audit.intend();
		send(response, result);
	} catch (thrown) {
		const { requestId } = trail.audit;
		if (thrown instanceof RequestFailure) {
			parts.log.error({ requestId, code: thrown.code, problem: thrown.message }, 'the store failed');
			const told = thrown instanceof StoreFailure ? thrown.toCaller : undefined;
			const what = told ?? 'the secret store failed';
			send(response, refuse(500, `${what}; the log says why under request id ${requestId}`));
			return;
		}
		if (thrown instanceof AuditStoreFailure) {
			parts.log.error({ requestId, problem: thrown.message }, 'a call needs the audit store, which is away');
			send(response, refuse(503, AUDIT_AWAY));
			return;
		}
		// The error itself is not logged: the message of another library may hold anything.
		const { name, stack } = thrown instanceof Error ? thrown : { name: 'unknown', stack: '' };
		const at = stack?.split('\n').filter((line) => /^\s+at /.test(line));
		parts.log.error({ requestId, name, at }, 'a defect: the call failed');
		send(response, refuse(500, `a defect of the API; the log says more under request id ${requestId}`));
	} finally {
		trail.working = false;
		trail.finish();
	}
}

/**
 * Authenticates, authorizes, and then runs the operation. This order reveals no more to a caller than is
 * allowed.
 */
async function reply(
	parts: AppDependencies,
	readBody: ReadBody,
	operation: Operation,
	context: RequestContext,
): Promise<Result<Reply, Problem>> {
	const { access, services, now } = parts;
	const { request, response, audit } = context;
	if (services === undefined)
		return refuse(503, 'no store is configured: the operator must set ENVTIER_API_STORE');
	const authenticated = await authenticateCall(parts, context);
	if (!authenticated.ok) return authenticated;
	const caller = authenticated.value;
	audit.caller = caller;
	// RBAC needs a name from the body, so it is asked after the body is read.
	const later = operation.named && caller.user !== undefined;
	const allowed = later ? ok(undefined) : await access.authorize(caller, operation.permission);
	if (!allowed.ok) return allowed;
	const idempotencyKey = request.get('idempotency-key');
	if (idempotencyKey !== undefined && !IDEMPOTENCY_KEY.test(idempotencyKey))
		return refuse(400, 'the header Idempotency-Key must be 1 to 128 letters, digits, "-", "_", "." or ":"');
	const query = { ...request.query };
	const body =
		operation.body === undefined ? undefined : await readBody(request, response, operation.yaml === true);
	if (body?.ok === false) return body;
	const requireAudit = async (): Promise<Result<void, Problem>> => {
		audit.intend();
		return (await parts.audit.stored()) ? ok(undefined) : refuse(503, AUDIT_AWAY);
	};
	const beforeChange = async (): Promise<void> => {
		audit.intend();
		if (operation.needsEntry !== true || (await parts.audit.stored())) return;
		throw new AuditStoreFailure('the intent line of a change is not in the store');
	};
	return operation.run(
		{
			...services,
			store: beforeChanges(services.store, beforeChange, audit.wrote),
			wrote: audit.wrote,
			caller,
			auditStamp: { subject: caller.subject, at: now() },
			name: String(request.params['name'] ?? ''),
			authorize: (permission, name) => access.authorize(caller, permission, name),
			note: audit.note,
			step: audit.step,
			requireAudit,
			requestId: audit.requestId,
			idempotencyKey,
		},
		body === undefined ? query : operation.query === undefined ? body.value : { query, body: body.value },
	);
}
