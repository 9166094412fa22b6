import type { RejectReason } from './reasons.ts';

/** A refusal, with a sentence for the author of the pod. */
export interface Rejection {
	readonly kind: 'reject';
	readonly reason: RejectReason;
	readonly message: string;
}

/** A refusal for `reason`, explained by `message`. */
export const reject = (reason: RejectReason, message: string): Rejection => ({
	kind: 'reject',
	reason,
	message,
});
