import { err, ok } from '../../contract/result.ts';
import { oneOf, type Parse } from '../../contract/values.ts';
import { anyText, flag, word } from '../../lib/settings/parsers.ts';
import type { Environment } from '../../lib/settings/reader.ts';
import { REVEAL_AUDIENCE, type Reader } from './reveal.ts';

/** Settings of the dashboard: how people sign in. */
export type DashboardSettings =
	/** Everybody is the same developer. */
	| { readonly signIn: 'development' }
	| {
			readonly signIn: 'oidc';
			/** The origin of the dashboard, as browsers have it: https://… */
			readonly origin: string;
			readonly clientId: string;
			/** The file with the secret of the client; undefined for a public one. */
			readonly clientSecretFile: string | undefined;
			/** The file with the keys that seal cookies. */
			readonly keysFile: string;
			/** Parted by blanks. */
			readonly scopes: string;
	  };

const LOOPBACK = /^(?:127\.[0-9.]+|::1|localhost)$/;

const origin: Parse<string> = (text) =>
	URL.canParse(text) && new URL(text).protocol === 'https:' && new URL(text).origin === text
		? ok(text)
		: err('an origin such as https://secrets.example.com, without a path');

/** What the settings of the dashboard depend on. */
export interface DashboardContext {
	readonly env: Environment;
	readonly host: string | undefined;
}

/**
 * Reads the settings of the dashboard; undefined where it is not served. A development identity is refused
 * wherever it could reach anything but secrets that the process forgets.
 */
export function readDashboardSettings(
	reader: Reader,
	context: DashboardContext,
): DashboardSettings | undefined {
	const enabled = reader.required('ENVTIER_API_DASHBOARD', flag);
	const development = reader.required('ENVTIER_API_DASHBOARD_DEVELOPMENT', flag);
	if (!enabled) {
		if (development)
			reader.problems.push('ENVTIER_API_DASHBOARD_DEVELOPMENT needs ENVTIER_API_DASHBOARD "true"');
		return undefined;
	}
	if (reader.optional('ENVTIER_API_MODE', oneOf('api', 'reveal')) === 'reveal') {
		reader.problems.push(`ENVTIER_API_DASHBOARD is for the mode api: ${REVEAL_AUDIENCE} takes no cookies`);
		return undefined;
	}
	return development ? readDevelopment(reader, context) : readOidcSignIn(reader);
}

function readDevelopment(reader: Reader, { env, host }: DashboardContext): DashboardSettings {
	const store = reader.optional('ENVTIER_API_STORE', oneOf('vault', 'memory'));
	const issuer = reader.optional('ENVTIER_API_OIDC_ISSUER', anyText);
	const production =
		store !== 'memory' ||
		issuer !== undefined ||
		host === undefined ||
		!LOOPBACK.test(host) ||
		env['KUBERNETES_SERVICE_HOST'] !== undefined ||
		env['NODE_ENV'] === 'production';
	if (production)
		reader.problems.push(
			'ENVTIER_API_DASHBOARD_DEVELOPMENT is only for development: it needs ENVTIER_API_STORE "memory" and a loopback address, and must not be set beside an issuer, in a cluster, or with NODE_ENV "production"',
		);
	return { signIn: 'development' };
}

function readOidcSignIn(reader: Reader): DashboardSettings {
	const issuer = reader.optional('ENVTIER_API_OIDC_ISSUER', anyText);
	const [from, clientId, keysFile] = [
		reader.optional('ENVTIER_API_DASHBOARD_ORIGIN', origin),
		reader.optional('ENVTIER_API_DASHBOARD_CLIENT_ID', word('text without blanks')),
		reader.optional('ENVTIER_API_DASHBOARD_KEYS_FILE', anyText),
	];
	if (issuer === undefined || from === undefined || clientId === undefined || keysFile === undefined)
		reader.problems.push(
			'ENVTIER_API_DASHBOARD needs ENVTIER_API_OIDC_ISSUER, ENVTIER_API_DASHBOARD_ORIGIN, ENVTIER_API_DASHBOARD_CLIENT_ID and ENVTIER_API_DASHBOARD_KEYS_FILE, so that people can sign in',
		);
	return {
		signIn: 'oidc',
		...{ origin: from ?? '', clientId: clientId ?? '', keysFile: keysFile ?? '' },
		clientSecretFile: reader.optional('ENVTIER_API_DASHBOARD_CLIENT_SECRET_FILE', anyText),
		scopes: reader.required('ENVTIER_API_OIDC_LOGIN_SCOPES', anyText),
	};
}
