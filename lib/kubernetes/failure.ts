import { type NetworkError, networkErrorOf } from '../http/network-errors.ts';
import { parseJson } from '../parse/json.ts';

/** Why a call failed. */
export interface ApiFailure {
	/** Undefined when there was no response. */
	readonly status: number | undefined;
	/**
	 * `Status.reason` of the API server (NotFound, Conflict, AlreadyExists, Forbidden …); a reason of ours if it
	 * has none.
	 */
	readonly reason: string;
	/** For the log; completes "the API server …". */
	readonly message: string;
	/** Set if a network error is the cause. */
	readonly network?: NetworkError;
}

/**
 * Maximum length of a message. Kubernetes' messages are shorter, but a proxy may respond with a whole page.
 */
const LONGEST = 500;

/** The failure for an unsuccessful response (`Status` of the Kubernetes API). */
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

/** The failure for a response that was not complete within the deadline, in ms. */
export function tooLate(deadline: number): ApiFailure {
	return { status: undefined, reason: 'Timeout', message: `does not answer within ${deadline / 1000} s` };
}

/** The failure for a network error. */
export function networkFailure(error: unknown, deadline: number): ApiFailure {
	if (error instanceof Error && error.name === 'AbortError')
		return { status: undefined, reason: 'Ended', message: 'is no longer asked' };
	return {
		...{ status: undefined, reason: 'Unreachable', message: `cannot be reached: ${unusable(error)}` },
		network: networkErrorOf(error, deadline),
	};
}

/** The code of an error; its message if it has no code. */
export function unusable(error: unknown): string {
	if (!(error instanceof Error)) return 'unknown error';
	return 'code' in error ? `${String(error.code)}${pathOf(error)}` : error.message.slice(0, LONGEST);
}

function pathOf(error: Error): string {
	return 'path' in error ? ` ${String(error.path)}` : '';
}
