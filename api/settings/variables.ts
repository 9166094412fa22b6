import type { SHARED_VARIABLES } from '../../contract/variables.ts';
import { YAML_LIMITS } from '../../lib/parse/yaml.ts';

/** One variable of the API: its meaning and its default. */
export interface ApiVariable {
	readonly meaning: string;
	/** In the form of the variable; undefined when there is no default. */
	readonly default?: string;
}

/** Limits of `ENVTIER_API_BODY_LIMIT`, in bytes, and of `ENVTIER_API_VAULT_TIMEOUT`, in seconds. */
export const BODY_LIMIT = { min: 1024, max: 4 * 1024 * 1024 } as const;
export const VAULT_TIMEOUT = { min: 1, max: 30 } as const;
/** Limits of `ENVTIER_API_ELEVATION_SECONDS`. */
export const ELEVATION = { min: 1, max: 900 } as const;
/** Limits of `ENVTIER_API_AUDIT_RETENTION` and `ENVTIER_API_TOMBSTONE_RETENTION`, in days. */
export const RETENTION = { min: 1, max: 3660 } as const;

/**
 * The settings that only the secrets API reads. For Vault it uses the same variables as the webhook and the
 * fetcher: see `SHARED_VARIABLES`.
 */
export const API_VARIABLES = {
	ENVTIER_API_CONFIG: {
		meaning:
			'YAML file of settings, as `--config` names one; variables win over it. [Its keys](api.md#a-configuration-file)',
	},
	ENVTIER_API_LISTEN: {
		meaning: 'address and port to serve on; without TLS only on a loopback address',
		default: '127.0.0.1:8210',
	},
	ENVTIER_API_TLS_CERT_FILE: {
		meaning: 'PEM file of the serving certificate and its chain, re-read when it changes; unset: plain HTTP',
	},
	ENVTIER_API_TLS_KEY_FILE: { meaning: 'PEM file of the private key, re-read when it changes' },
	ENVTIER_API_INSECURE_HTTP: {
		meaning:
			'"true" serves plain HTTP on other than loopback addresses too: credentials and secrets then cross the network in clear text',
		default: 'false',
	},
	ENVTIER_API_STORE: {
		meaning:
			'where secrets are kept: vault, or memory (development only: forgets everything on restart); unset: vault if ENVTIER_VAULT_ADDR is set, else none, and every call is answered 503',
	},
	ENVTIER_API_VAULT_TOKEN: { meaning: 'Vault token of the API; a file or a login is better' },
	ENVTIER_API_VAULT_TOKEN_FILE: { meaning: 'file that holds the API’s Vault token' },
	ENVTIER_API_VAULT_ROLE: {
		meaning: 'Vault role to log in with by the service-account token; unset: a token is needed',
	},
	ENVTIER_API_VAULT_LOGIN_TOKEN_FILE: {
		meaning: 'file of the service-account token for that login, read anew each time',
		default: '/var/run/secrets/envtier.dev/token',
	},
	ENVTIER_API_VAULT_TIMEOUT: {
		meaning: `seconds for one request to Vault, ${VAULT_TIMEOUT.min} to ${VAULT_TIMEOUT.max}`,
		default: '5',
	},
	ENVTIER_API_KEYS_FILE: {
		meaning:
			'JSON file of API keys, by their hashes; `--new-key` makes an entry. Read at the start. Keys made over the API need no file',
	},
	ENVTIER_API_OIDC_ISSUER: { meaning: 'issuer whose sessions are accepted, https://…; unset: none' },
	ENVTIER_API_OIDC_AUDIENCE: { meaning: 'audience that a session must be for', default: 'envtier-api' },
	ENVTIER_API_OIDC_CLIENT_ID: {
		meaning:
			'public client of the issuer for `envtier login`, with the device authorization grant; GET /.well-known/envtier-login tells it; unset: none. For the Reveal program: public client of its [page](managed-secrets.md#the-page-of-the-reveal-program), with the authorization code grant',
	},
	ENVTIER_API_OIDC_LOGIN_SCOPES: {
		meaning: 'scopes that `envtier login` asks the issuer for, parted by blanks',
		default: 'openid offline_access',
	},
	ENVTIER_API_OIDC_CA: {
		meaning:
			'PEM text of the CA certificates that the issuer’s certificate is checked against; unset: the system’s',
	},
	ENVTIER_API_OIDC_ORG_CLAIM: {
		meaning:
			'claim that holds the organization, a list of organizations, or an object whose members are named for them; of several the header Envtier-Org chooses one',
		default: 'org',
	},
	ENVTIER_API_OIDC_ROLES_CLAIM: {
		meaning:
			'claim that holds org_owner or org_admin, or acme:org_admin for the organization acme alone, or platform_admin; a dot leads into an object, as in realm_access.roles',
		default: 'roles',
	},
	ENVTIER_API_OIDC_SCOPES_CLAIM: { meaning: 'claim that holds the scopes', default: 'scope' },
	ENVTIER_API_OIDC_GROUPS_CLAIM: {
		meaning: 'claim that holds a list of groups, which can be members of deployments (group:NAME)',
		default: 'groups',
	},
	ENVTIER_API_OIDC_SCOPES: {
		meaning: 'scopes that every session has, comma-separated, for an issuer that knows none of ours',
	},
	ENVTIER_API_KUBERNETES: {
		meaning: '"true" accepts Kubernetes tokens, checked by TokenReview; RBAC decides by SubjectAccessReview',
		default: 'false',
	},
	ENVTIER_API_KUBERNETES_AUDIENCE: {
		meaning: 'audience that a Kubernetes token must be for, so that no pod’s everyday token is taken',
		default: 'envtier-api',
	},
	ENVTIER_API_KUBERNETES_ORG: {
		meaning: 'organization of Kubernetes callers that send no Envtier-Org header',
	},
	ENVTIER_API_KUBECONFIG: { meaning: 'kubeconfig file to reach the cluster; unset: the cluster it runs in' },
	ENVTIER_API_BODY_LIMIT: {
		meaning: `largest body in bytes, ${BODY_LIMIT.min} to ${BODY_LIMIT.max}; YAML has its own limit, ${YAML_LIMITS.bytes}`,
		default: '1048576',
	},
	ENVTIER_API_DEPLOYMENT_NAMES: {
		meaning:
			'names of deployments that are reserved for organizations, such as acme=shop,shop-*;globex=globex-*; a name that no pattern matches may be registered by any organization',
	},
	ENVTIER_API_DASHBOARD: {
		meaning: '"true" serves the [dashboard](dashboard.md) at /ui/',
		default: 'false',
	},
	ENVTIER_API_DASHBOARD_ORIGIN: {
		meaning: 'origin of the dashboard as browsers have it, such as https://secrets.example.com',
	},
	ENVTIER_API_DASHBOARD_CLIENT_ID: {
		meaning:
			'client of the issuer for the dashboard, with the authorization code flow; its redirect address is the origin and /ui/session/callback',
	},
	ENVTIER_API_DASHBOARD_CLIENT_SECRET_FILE: {
		meaning: 'file with the secret of that client; unset: a public client, whose codes PKCE protects',
	},
	ENVTIER_API_DASHBOARD_KEYS_FILE: {
		meaning:
			'JSON file with the keys that seal cookies: "current" and "previous", each 32 random bytes in base64',
	},
	ENVTIER_API_DASHBOARD_DEVELOPMENT: {
		meaning:
			'"true" signs everybody in to the dashboard as the same developer, to try it out (`make dashboard`); refused but with the memory store on a loopback address, outside of a cluster',
		default: 'false',
	},
	ENVTIER_API_MODE: {
		meaning:
			'api, or reveal: the [Reveal program](managed-secrets.md#showing-a-value), which shows values and changes who has access. It takes only tokens for the audience envtier-reveal',
		default: 'api',
	},
	ENVTIER_API_REVEAL_ROLE: {
		meaning: 'Vault role of the Reveal program for one value',
		default: 'envtier-reveal-value',
	},
	ENVTIER_API_RESTORE_ROLE: {
		meaning: 'Vault role of the Reveal program for one restore',
		default: 'envtier-reveal-restore',
	},
	ENVTIER_API_ELEVATION_SECONDS: {
		meaning: `how long an elevation lasts, in seconds, ${ELEVATION.min} to ${ELEVATION.max}`,
		default: '900',
	},
	ENVTIER_API_ELEVATION_APPROVAL: {
		meaning: '"true": a second person must approve each elevation',
		default: 'false',
	},
	ENVTIER_API_ELEVATION_NOTICE_URL: {
		meaning:
			'https:// address that gets a POST for each elevation that is requested or starts, with its reason and the managers of the deployment, so that they are told; unset: none',
	},
	ENVTIER_API_ELEVATION_NOTICE_CA: {
		meaning:
			'PEM text of the CA certificates that the certificate of that address is checked against; unset: the system’s',
	},
	ENVTIER_API_REVEAL_URL: {
		meaning:
			'https:// address of the [Reveal program](managed-secrets.md#showing-a-value), if it is installed: it alone changes who has access to deployments, and the API sends callers there',
	},
	ENVTIER_API_CALLS_PER_MINUTE: { meaning: 'calls of one caller in a minute', default: '600' },
	ENVTIER_API_OVERWRITES_PER_HOUR: {
		meaning:
			'overwrites of one secret in an hour; must be less than the number of versions that the KV mount keeps (max_versions), so that nobody can push a whole history out',
		default: '6',
	},
	ENVTIER_API_TOMBSTONE_RETENTION: {
		meaning: `days that the tombstone of a destroyed secret stays, ${RETENTION.min} to ${RETENTION.max}; then the API removes it, and version numbers of the key begin at 1 again. At least as long as your audit is kept`,
		default: '400',
	},
	ENVTIER_API_FAILED_LOGINS_PER_MINUTE: {
		meaning:
			'failed logins from one address (IPv6: one /64 network) in a minute; beyond them wrong credentials get 429 and valid ones still pass',
		default: '10',
	},
	ENVTIER_API_TRUST_PROXY: {
		meaning: '"true" takes the caller’s address from X-Forwarded-For as the last proxy wrote it',
		default: 'false',
	},
	ENVTIER_API_AUDIT_FILE: { meaning: 'file to append audit lines to; unset: standard output' },
	ENVTIER_API_AUDIT_STORE: {
		meaning:
			'database for audit lines, which GET /api/audit reads: sqlite:/path/of/a/file (one replica), or postgres://user:password@host/database; unset: none',
	},
	ENVTIER_API_AUDIT_STORE_CA: {
		meaning:
			'PEM text of the CA certificates that the certificate of PostgreSQL is checked against; unset: the system’s',
	},
	ENVTIER_API_AUDIT_RETENTION: {
		meaning: `days that the audit store keeps lines, ${RETENTION.min} to ${RETENTION.max}; SQLite is purged by the API, PostgreSQL by \`--purge-audit\``,
		default: '400',
	},
} as const satisfies Record<`ENVTIER_API_${string}`, ApiVariable>;

/** The name of a setting that the API reads. */
export type ApiVariableName = keyof typeof API_VARIABLES | (typeof SHARED_VARIABLES)[number];
