import { deadlineAfter } from '../deadline.ts';
import type { Retry } from '../retry.ts';
import type { Settings } from '../settings.ts';
import type { Transport } from '../transport/transport.ts';
import { openVault, type SavedToken, type Vault } from '../vault.ts';

/** Timeout of the requests of one client, in ms. The sidecar repeats the whole step, not one request. */
export const STEP_TIMEOUT = 20_000;

/**
 * Sends each request once. After a failure the next one has a new connection, because this one may be broken
 * without a sign of it.
 */
const onceOver =
	(transport: Transport): Retry =>
	async (attempt, deadline) => {
		try {
			return await attempt(deadline.left());
		} catch (thrown) {
			transport.disconnect();
			throw thrown;
		}
	};

/** Returns a function that opens clients which send each request once, with or without a token. */
export function openOnce(
	{ vault: { address, namespace } }: Settings,
	transport: Transport,
): (token?: SavedToken) => Vault {
	const once = onceOver(transport);
	return (token) =>
		openVault({
			...{ address, namespace, transport, retry: once, deadline: deadlineAfter(STEP_TIMEOUT) },
			...(token === undefined ? {} : { token }),
		});
}
