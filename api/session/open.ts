import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { createTokenCheck, type OidcSettings } from '../auth/oidc.ts';
import type { DashboardSettings } from '../settings/dashboard.ts';
import type { Store } from '../store/store.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import { developmentSessions } from './development.ts';
import { openIssuer } from './oidc/client.ts';
import { keepRecords } from './oidc/records.ts';
import { createRevoker } from './oidc/revoker.ts';
import { oidcSessions } from './oidc/routes.ts';
import { parseSealingKeys } from './oidc/sealed.ts';
import { keepSessions } from './oidc/sessions.ts';

/**
 * Opens the way in which people sign in. Rejects, with a sentence, if a file is missing or wrong.
 *
 * @param store keeps the sessions, for all replicas that have the same one
 */
export async function openSessions(
	settings: DashboardSettings,
	oidc: OidcSettings | undefined,
	{ store, log, now }: { readonly store: Store; readonly log: Logger; readonly now: () => Date },
): Promise<BrowserSessions> {
	if (settings.signIn === 'development') return developmentSessions();
	if (oidc === undefined) throw new Error('the settings were not checked');
	const { origin, clientId, clientSecretFile, keysFile, scopes } = settings;
	const keys = parseSealingKeys(await readText(keysFile));
	if (!keys.ok) throw new Error(`ENVTIER_API_DASHBOARD_KEYS_FILE: ${keys.error}`);
	const clientSecret = clientSecretFile === undefined ? undefined : (await readText(clientSecretFile)).trim();
	const { issuer: address, ca, audience } = oidc;
	const issuer = openIssuer({ issuer: address, clientId, clientSecret, ca, audience, scopes });
	const verify = createTokenCheck(oidc);
	const revoke = createRevoker(issuer, log);
	const onRemoved = (refreshToken: string): void => void revoke(refreshToken);
	const records = keepRecords({ store, keys: keys.value, now, onRemoved });
	const sessions = keepSessions({ keys: keys.value, oidc, issuer, revoke, verify, records, log, now });
	return oidcSessions({ origin, keys: keys.value, issuer, sessions, log });
}

async function readText(file: string): Promise<string> {
	try {
		return await readFile(file, 'utf8');
	} catch (thrown) {
		const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
		throw new Error(`the file ${file} cannot be read (${code})`);
	}
}
