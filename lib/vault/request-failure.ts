/** Why a request to Vault failed. */
export type RequestFailureCode = 'unreachable' | 'unavailable' | 'refused' | 'bad-answer';

/**
 * A request to Vault that failed. The message is for the log: what failed, where, and what to do. It holds no
 * value and no token.
 */
export class RequestFailure extends Error {
	readonly code: RequestFailureCode;

	constructor(code: RequestFailureCode, message: string) {
		super(message);
		this.name = 'RequestFailure';
		this.code = code;
	}
}
