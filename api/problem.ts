import { err, type Result } from '../contract/result.ts';

/** Why a call failed: the HTTP status, and a sentence for the caller. */
export interface Problem {
	readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503;
	readonly message: string;
	/** Of a call with many changes: why each of those is not possible. */
	readonly cells?: readonly ProblemOfChange[];
}

/** Why one change of a call is not possible. */
export interface ProblemOfChange {
	/** The place of the change in the call. */
	readonly index: number;
	/** True when somebody else was faster. */
	readonly conflict: boolean;
	readonly message: string;
}

/** A failed result that carries a problem. */
export const refuse = (status: Problem['status'], message: string): Result<never, Problem> =>
	err({ status, message });

/** One text for both cases, so that nobody learns which deployments exist. */
export const NOT_YOUR_DEPLOYMENT = 'there is no such deployment, or it is not yours';
/** One text for both cases, so that nobody learns which templates exist. */
export const NOT_YOUR_TEMPLATE = 'there is no such template, or it is not yours';
/** The id is invalid, or names no secret that the caller may reach by this operation. */
export const NO_SUCH_SECRET = 'there is no such secret';
