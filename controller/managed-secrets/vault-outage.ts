import { fullJitter } from '../../lib/backoff.ts';
import type { Outcome } from './outcome.ts';

/**
 * Keeps thousands of looks from waiting for the same Vault that does not answer: while it is away, one look
 * in a while asks it, and the others fail with what that one heard.
 */
export interface VaultOutage {
	/** The outcome of a look now, without a request; undefined: ask. */
	current(): Outcome | undefined;
	note(outcome: Outcome): void;
}

/** Pauses between two looks that ask, in ms. */
const PAUSE = { first: 500, longest: 15_000 };

/** Opens an outage that has not begun. */
export function openVaultOutage(): VaultOutage {
	let last: Outcome | undefined;
	let failures = 0;
	let until = 0;
	return {
		current: () => (last !== undefined && performance.now() < until ? last : undefined),
		note: (outcome) => {
			if (outcome === last) return;
			const isAway = outcome.kind === 'failed' && outcome.reason === 'VaultUnavailable';
			last = isAway ? outcome : undefined;
			failures = isAway ? failures + 1 : 0;
			until = isAway ? performance.now() + fullJitter(PAUSE, failures, Math.random()) : 0;
		},
	};
}
