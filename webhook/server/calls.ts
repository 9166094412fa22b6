import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../metrics.ts';
import { type ClientAuth, callerProblem } from './client-auth.ts';
import { refuse } from './refuse.ts';

/** What the start of a call to `/mutate` needs. */
export interface CallParts {
	readonly metrics: Metrics;
	/** Who may call `/mutate`; undefined: anybody. */
	readonly callers?: ClientAuth | undefined;
}

/**
 * Starts a call to `/mutate`: measures it, and refuses a client without an accepted certificate before the
 * body is read.
 *
 * @returns false when the caller was refused
 */
export function startCall(
	{ metrics, callers }: CallParts,
	request: IncomingMessage,
	response: ServerResponse,
): boolean {
	measure(metrics, response);
	const problem = callers && callerProblem(request.socket, callers);
	if (problem === undefined) return true;
	// The rest of the request is not read.
	response.setHeader('connection', 'close');
	refuse(response, ...problem);
	return false;
}

/** Measures every call, also one that the client aborted. */
function measure(metrics: Metrics, response: ServerResponse): void {
	const endCall = metrics.startCall();
	response.once('close', () => {
		endCall();
		if (!response.writableFinished) metrics.recordFailure('aborted');
		else if (response.statusCode >= 400) metrics.recordFailure(response.statusCode);
	});
}
