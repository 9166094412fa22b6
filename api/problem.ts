import { err, type Result } from '../contract/result.ts';

/** Why a call is not done: the HTTP status, and a sentence for the person who called. */
export interface Problem {
	readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 503;
	readonly message: string;
}

/** A failed result that carries a problem. */
export const refuse = (status: Problem['status'], message: string): Result<never, Problem> =>
	err({ status, message });

/** One text for both, so that nobody learns which deployments exist. */
export const NOT_YOUR_DEPLOYMENT = 'there is no such deployment, or it is not yours';
/** Likewise. */
export const NOT_YOUR_TEMPLATE = 'there is no such template, or it is not yours';
/** The id is none, or leads to nothing that the caller could reach this way. */
export const NO_SUCH_SECRET = 'there is no such secret';
