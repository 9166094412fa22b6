import { setTimeout as sleep } from 'node:timers/promises';
import type { Result } from '../../contract/result.ts';
import type { Method, VaultFailure, VaultResponse } from './types.ts';

type Outcome = Result<VaultResponse, VaultFailure>;

/** Error codes of requests that Vault did not receive. Any of them may be sent again. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** True if the request may be sent again: Vault did nothing, or a second time has the same effect. */
function isRetryable(method: Method, outcome: Outcome): boolean {
	// Sealed, on standby, rate-limited, or behind its cluster: Vault did nothing.
	if (outcome.ok) return [503, 429, 412].includes(outcome.value.status);
	const { kind, code } = outcome.error;
	if (NOT_SENT.has(code)) return true;
	// If a POST with check-and-set succeeded, its repetition would fail with a conflict.
	if (kind !== 'unreachable' || method === 'POST') return false;
	return code !== 'TIMEOUT' && !/^ERR_(?:TLS|SSL)_/.test(code);
}

/**
 * Sends a request, and repeats it while that is allowed.
 *
 * @param pauses pause before each further attempt in ms; the actual wait is 50 % to 150 % of it
 */
export async function sendWithRetry(
	method: Method,
	pauses: readonly number[],
	send: () => Promise<Outcome>,
): Promise<Outcome> {
	for (let attempt = 0; ; attempt += 1) {
		const outcome = await send();
		const pause = pauses[attempt];
		if (pause === undefined || !isRetryable(method, outcome)) return outcome;
		await sleep(pause * (0.5 + Math.random()));
	}
}
