import type { ExitReason } from '../contract/exit-codes.ts';

/** What a failure may add to its sentence. */
export interface FailureOptions {
	/** True when the same request may succeed a little later. */
	readonly heals?: boolean;
	/** Milliseconds that the server asked to be left alone. */
	readonly retryAfter?: number;
	/** What to do in this very case; it replaces the general advice of the exit code. */
	readonly cure?: string;
	/** Vault's path that gave an error of the server, which may concern this path alone. */
	readonly path?: string;
}

/**
 * Why the fetch can't be done. Its sentence goes to the log and to the termination message, so it never holds a secret's
 * value, a token or a JWT; for the same reason it has no `cause`.
 */
export class Failure extends Error {
	readonly reason: ExitReason;
	readonly heals: boolean;
	readonly retryAfter: number | undefined;
	readonly cure: string | undefined;
	readonly path: string | undefined;

	constructor(reason: ExitReason, sentence: string, options: FailureOptions = {}) {
		super(sentence);
		this.name = 'Failure';
		this.reason = reason;
		this.heals = options.heals ?? false;
		this.retryAfter = options.retryAfter;
		this.cure = options.cure;
		this.path = options.path;
	}

	/** The same with another sentence. It no longer asks for a retry. */
	saying(sentence: string): Failure {
		const { reason, cure, path } = this;
		return new Failure(reason, sentence, {
			...(cure === undefined ? {} : { cure }),
			...(path === undefined ? {} : { path }),
		});
	}
}
