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
	parts: AppDependencies,
	{ request, response, audit }: RequestContext,
): Promise<Result<Caller, Problem>> {
	const { limits, metrics, log } = parts;
	const ip = request.ip ?? '';
	const { credential, authenticate } = credentialsOf(parts, request);
	const failed = (status: number, reason: string): void => {
		if (credential !== undefined) metrics.recordFailedLogin();
		log.info({ requestId: audit.requestId, status, reason, ip }, 'authentication failed');
	};
	// Without credentials there is nothing to check or to count.
	const login =
		credential === undefined
			? ({ kind: 'checked', authenticated: await authenticate() } as const)
			: await limits.login(ip, credential, authenticate);
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

/** The credentials of a request: its bearer token, or else the cookie of the dashboard's session. */
function credentialsOf(
	{ access, dashboard }: AppDependencies,
	request: Request,
): {
	readonly credential: string | undefined;
	readonly authenticate: () => Promise<Result<Caller, Problem>>;
} {
	const authorization = request.get('authorization');
	const org = request.get('envtier-org');
	const cookie = authorization === undefined ? dashboard?.sessions.credentialOf(request) : undefined;
	if (dashboard === undefined || cookie === undefined)
		return { credential: authorization, authenticate: () => access.authenticate({ authorization, org }) };
	return {
		credential: cookie,
		authenticate: async () => {
			const caller = await dashboard.sessions.authenticate(request, org);
			if (!caller.ok || org === undefined || caller.value.org === org) return caller;
			return refuse(403, 'your session is not one of the organization that the call names');
		},
	};
}

function tooMany(response: Response, seconds: number, what: string): Result<never, Problem> {
	response.set('retry-after', String(seconds));
	return refuse(429, `${what}; try again in ${seconds} s`);
}
