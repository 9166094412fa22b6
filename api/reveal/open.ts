import type { Logger } from 'pino';
import type { VaultAccess } from '../../lib/vault/ask.ts';
import { openVaultClient } from '../../lib/vault/client.ts';
import type { RevealSettings } from '../settings/reveal.ts';
import type { StoreSettings } from '../settings/settings.ts';
import type { Store } from '../store/store.ts';
import { createElevationStore } from './elevation-store.ts';
import { noticeSender } from './notice.ts';
import type { RevealServices } from './services.ts';
import { logInForValue } from './value-reader.ts';

/**
 * Opens what only the Reveal program has.
 *
 * @param access the program's own session, whose policy reads no values
 */
export function openReveal(
	settings: RevealSettings,
	vault: Extract<StoreSettings, { kind: 'vault' }>,
	store: Store,
	access: VaultAccess,
	log: Logger,
): { readonly services: RevealServices; readonly close: () => void } {
	const { login, mount, endpoint } = vault;
	if (login.kind !== 'kubernetes') throw new Error('the settings were not checked');
	const { elevationSeconds, needsApproval, notice, roles } = settings;
	// Without retries: each request is a use of the token. The program's own reads after a login are as new.
	const client = openVaultClient(endpoint, access.known === undefined ? {} : { known: access.known });
	const valueLogin = { authMount: login.mount, kvMount: mount, tokenFile: login.tokenFile, roles };
	return {
		services: {
			elevations: createElevationStore(store, access, { mount, seconds: elevationSeconds }),
			logIn: (purpose) => logInForValue(client, valueLogin, purpose),
			elevationSeconds,
			needsApproval,
			sendNotice: notice === undefined ? undefined : noticeSender(notice, log),
		},
		close: () => client.close(),
	};
}
