import type { VaultClient, VaultOutcome } from './client.ts';
import { RequestFailure } from './request-failure.ts';
import type { VaultFailure, VaultResponse } from './types.ts';

/** Pauses before further attempts of a request, in ms. */
export const PAUSES = [50, 200, 600];

/**
 * The response of a request. Throws a `RequestFailure` if there is no response, if Vault takes no requests
 * now, and for a redirect: following it would send the token to another address.
 */
export function responseOf(outcome: VaultOutcome, { address }: Pick<VaultClient, 'address'>): VaultResponse {
	if (!outcome.ok) throw failureOf(outcome.error, address);
	const { status } = outcome.value;
	if (status === 412)
		throw new RequestFailure(
			'unavailable',
			`Vault at ${address} is behind the active node of its cluster for too long (HTTP 412)`,
		);
	if (status === 429 || status >= 500) {
		const why = status === 503 ? 'it is sealed, on standby or starting' : `HTTP ${status}`;
		throw new RequestFailure('unavailable', `Vault at ${address} takes no calls now: ${why}`);
	}
	if (status >= 300 && status < 400)
		throw new RequestFailure(
			'bad-answer',
			`Vault at ${address} redirects (HTTP ${status}): set ENVTIER_VAULT_ADDR to Vault itself`,
		);
	return outcome.value;
}

const CURES: Readonly<Record<VaultFailure['kind'], string>> = {
	untrusted: ': check ENVTIER_VAULT_CA and its names (ENVTIER_VAULT_TLS_NAME)',
	unreachable: ': check the address, DNS and network policies',
	'too-large': '',
};

function failureOf({ kind, message, code }: VaultFailure, address: string): RequestFailure {
	const detail = code === '' || message === code ? '' : ` (${code})`;
	return new RequestFailure(
		kind === 'too-large' ? 'bad-answer' : 'unreachable',
		`Vault at ${address} ${message}${detail}${CURES[kind]}`,
	);
}
