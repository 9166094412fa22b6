import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../metrics.ts';
import { type AuthProblem, type ClientAuth, callerProblem } from './client-auth.ts';
import { writeRefusal } from './refuse.ts';

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
	refuseAndClose(request, response, problem);
	return false;
}

/** Milliseconds for the rest of a refused request. */
const DISCARD_TIME = 1_000;

/**
 * Responds at once, discards what still comes of the request, and closes the connection. A connection that is
 * closed while its request arrives is reset: the client may then see a broken pipe in place of the response.
 */
function refuseAndClose(request: IncomingMessage, response: ServerResponse, problem: AuthProblem): void {
	response.setHeader('connection', 'close');
	writeRefusal(response, ...problem);
	const end = (): void => void response.end();
	const timer = setTimeout(end, DISCARD_TIME);
	response.once('close', () => clearTimeout(timer));
	request.once('end', end);
	request.resume();
}

/** Measures every call, also one that the client aborted. */
function measure(metrics: Metrics, response: ServerResponse): void {
	const endCall = metrics.startCall();
	response.once('close', () => {
		endCall();
		if (response.headersSent && response.statusCode >= 400) metrics.recordFailure(response.statusCode);
		else if (!response.writableFinished) metrics.recordFailure('aborted');
	});
}
