import type { ExitReason } from '../contract/exit-codes.ts';

/** Options of a failure. */
export interface FailureOptions {
	/** True when the same request may succeed later. */
	readonly retryable?: boolean;
	/** The delay that the server asks for, in ms. */
	readonly retryAfter?: number;
	/** What to do. Replaces the general advice of the exit code. */
	readonly cure?: string;
	/** The API path with a server error, which may affect this path only. */
	readonly path?: string;
}

/**
 * Why the fetch failed. Its message is printed in the log and the termination message, so it never contains a
 * value, a token or a JWT. For the same reason it has no `cause`.
 */
export class Failure extends Error {
	readonly reason: ExitReason;
	readonly retryable: boolean;
	readonly retryAfter: number | undefined;
	readonly cure: string | undefined;
	readonly path: string | undefined;

	constructor(reason: ExitReason, sentence: string, options: FailureOptions = {}) {
		super(sentence);
		this.name = 'Failure';
		this.reason = reason;
		this.retryable = options.retryable ?? false;
		this.retryAfter = options.retryAfter;
		this.cure = options.cure;
		this.path = options.path;
	}

	/** The same failure with another message. It is not retryable. */
	withMessage(sentence: string): Failure {
		const { reason, cure, path } = this;
		return new Failure(reason, sentence, {
			...(cure === undefined ? {} : { cure }),
			...(path === undefined ? {} : { path }),
		});
	}
}
