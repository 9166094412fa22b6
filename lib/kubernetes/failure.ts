import { type NetworkError, networkErrorOf } from '../http/network-errors.ts';
import { parseJson } from '../parse/json.ts';

/** Why a call came to nothing. */
export interface ApiFailure {
	/** Undefined when there was no answer. */
	readonly status: number | undefined;
	/**
	 * `Status.reason` of the API server (NotFound, Conflict, AlreadyExists, Forbidden …), or our own word if it
	 * gave none.
	 */
	readonly reason: string;
	/** For the log: finishes "the API server …". */
	readonly message: string;
	/** Set if a network error is the cause. */
	readonly network?: NetworkError;
}

/** Longer than any sentence of Kubernetes about one object; a proxy in between may answer with a page. */
const LONGEST = 500;

/** What an answer that is no success says (`Status` of the Kubernetes API). */
export function refusal(status: number, body: Buffer): ApiFailure {
	const { reason, message } = statusOf(body);
	return {
		status,
		reason: reason ?? 'Unknown',
		message: `answers ${status}${message === undefined ? '' : `: ${message.slice(0, LONGEST)}`}`,
	};
}

function statusOf(body: Buffer): { readonly reason?: string; readonly message?: string } {
	const parsed = parseJson(body);
	const decoded = parsed.ok ? parsed.value : undefined;
	if (typeof decoded !== 'object' || decoded === null) return {};
	const { reason, message } = decoded as { reason?: unknown; message?: unknown };
	return {
		...(typeof reason === 'string' ? { reason } : {}),
		...(typeof message === 'string' ? { message } : {}),
	};
}

/** There was no whole answer within the call's deadline, in milliseconds. */
export function tooLate(deadline: number): ApiFailure {
	return { status: undefined, reason: 'Timeout', message: `does not answer within ${deadline / 1000} s` };
}

/** What an error of the network means. */
export function networkFailure(error: unknown, deadline: number): ApiFailure {
	if (error instanceof Error && error.name === 'AbortError')
		return { status: undefined, reason: 'Ended', message: 'is no longer asked' };
	return {
		...{ status: undefined, reason: 'Unreachable', message: `cannot be reached: ${unusable(error)}` },
		network: networkErrorOf(error, deadline),
	};
}

/** The code of an error, else its sentence. */
export function unusable(error: unknown): string {
	if (!(error instanceof Error)) return 'unknown error';
	return 'code' in error ? `${String(error.code)}${pathOf(error)}` : error.message.slice(0, LONGEST);
}

function pathOf(error: Error): string {
	return 'path' in error ? ` ${String(error.path)}` : '';
}
