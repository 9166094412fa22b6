import type { VaultClient, VaultOutcome } from './client.ts';
import type { KnownIndex } from './known-index.ts';
import { responseOf } from './response.ts';
import type { VaultSession } from './session.ts';
import type { VaultResponse } from './types.ts';

/** What requests with the token of a session need. */
export interface VaultAccess {
	readonly client: VaultClient;
	readonly session: VaultSession;
	/** What the client knows, for other clients of the same program. */
	readonly known?: KnownIndex;
	/** Called for each response with the kind of the request and the HTTP status. */
	readonly observe: (kind: string, status: number) => void;
}

/** Sends a request with the session's token; `kind` is for `observe`. Rejects with a `RequestFailure`. */
export type Ask = (kind: string, send: (token: string) => Promise<VaultOutcome>) => Promise<VaultResponse>;

/**
 * Creates a function that sends a request with the session's token. After a 403 it sends the request once
 * more with a new token.
 */
export function createAsk({ client, session, observe }: VaultAccess): Ask {
	return async (kind, send) => {
		const sendWith = async (token: string): Promise<VaultResponse> => {
			const response = responseOf(await send(token), client);
			observe(kind, response.status);
			return response;
		};
		const token = await session.token();
		const response = await sendWith(token);
		if (response.status !== 403) return response;
		// The token may have expired or been revoked early.
		const next = await session.renewAfter(token);
		return next === undefined ? response : sendWith(next);
	};
}
