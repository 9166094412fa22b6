import type { Request, Response } from 'express';
import type { Result } from '../../contract/result.ts';
import type { AuditTrail } from '../audit/trail.ts';
import type { Caller } from '../auth/caller.ts';
import { type Problem, refuse } from '../problem.ts';
import type { AppDependencies } from './dependencies.ts';

/** One request with its response and its audit trail. */
export interface RequestContext {
	readonly request: Request;
	readonly response: Response;
	readonly audit: AuditTrail;
}

/**
 * Authenticates the caller of one request, within the limits on failed logins and on calls. Logs every
 * failure, and sets the headers of a 401 or 429.
 */
export async function authenticateCall(
	{ access, limits, metrics, log }: AppDependencies,
	{ request, response, audit }: RequestContext,
): Promise<Result<Caller, Problem>> {
	const ip = request.ip ?? '';
	const authorization = request.get('authorization');
	const authenticate = () => access.authenticate({ authorization, org: request.get('envtier-org') });
	const failed = (status: number, reason: string): void => {
		if (authorization !== undefined) metrics.recordFailedLogin();
		log.info({ requestId: audit.requestId, status, reason, ip }, 'authentication failed');
	};
	// Without credentials there is nothing to check or to count.
	const login =
		authorization === undefined
			? ({ kind: 'checked', authenticated: await authenticate() } as const)
			: await limits.login(ip, authorization, authenticate);
	if (login.kind === 'too-many') {
		failed(429, 'too many failed logins');
		return tooMany(response, login.seconds, 'too many failed logins from your address');
	}
	const { authenticated } = login;
	if (!authenticated.ok) {
		const { status, message } = authenticated.error;
		if (status === 401) {
			response.set('www-authenticate', 'Bearer');
			failed(status, message);
		} else log.info({ requestId: audit.requestId, status, reason: message, ip }, 'login refused');
		return authenticated;
	}
	const wait = await limits.call(authenticated.value.subject);
	audit.caller = authenticated.value;
	return wait === undefined ? authenticated : tooMany(response, wait, 'too many calls');
}

function tooMany(response: Response, seconds: number, what: string): Result<never, Problem> {
	response.set('retry-after', String(seconds));
	return refuse(429, `${what}; try again in ${seconds} s`);
}
