import type { ApiVariableName } from './variables.ts';

/** The key of each setting in the configuration file, by its variable. Dots separate the sections. */
export const CONFIG_KEYS = {
	ENVTIER_API_LISTEN: 'listen',
	ENVTIER_API_TLS_CERT_FILE: 'tls.certFile',
	ENVTIER_API_TLS_KEY_FILE: 'tls.keyFile',
	ENVTIER_API_INSECURE_HTTP: 'insecureHttp',
	ENVTIER_API_STORE: 'secrets.backend',
	ENVTIER_VAULT_ADDR: 'vault.address',
	ENVTIER_VAULT_INSECURE_HTTP: 'vault.insecureHttp',
	ENVTIER_VAULT_CA: 'vault.ca',
	ENVTIER_VAULT_TLS_NAME: 'vault.tlsName',
	ENVTIER_VAULT_NAMESPACE: 'vault.namespace',
	ENVTIER_VAULT_AUTH_MOUNT: 'vault.authMount',
	ENVTIER_VAULT_KV_MOUNT: 'vault.kvMount',
	ENVTIER_API_VAULT_TOKEN: 'vault.token',
	ENVTIER_API_VAULT_TOKEN_FILE: 'vault.tokenFile',
	ENVTIER_API_VAULT_ROLE: 'vault.role',
	ENVTIER_API_VAULT_LOGIN_TOKEN_FILE: 'vault.loginTokenFile',
	ENVTIER_API_VAULT_TIMEOUT: 'vault.timeout',
	ENVTIER_API_KEYS_FILE: 'keysFile',
	ENVTIER_API_OIDC_ISSUER: 'oidc.issuer',
	ENVTIER_API_OIDC_AUDIENCE: 'oidc.audience',
	ENVTIER_API_OIDC_CA: 'oidc.ca',
	ENVTIER_API_OIDC_ORG_CLAIM: 'oidc.orgClaim',
	ENVTIER_API_OIDC_ROLES_CLAIM: 'oidc.rolesClaim',
	ENVTIER_API_OIDC_SCOPES_CLAIM: 'oidc.scopesClaim',
	ENVTIER_API_OIDC_SCOPES: 'oidc.scopes',
	ENVTIER_API_KUBERNETES: 'kubernetes.enabled',
	ENVTIER_API_KUBERNETES_AUDIENCE: 'kubernetes.audience',
	ENVTIER_API_KUBERNETES_ORG: 'kubernetes.org',
	ENVTIER_API_KUBECONFIG: 'kubernetes.kubeconfig',
	ENVTIER_API_DEPLOYMENT_NAMES: 'deploymentNames',
	ENVTIER_API_BODY_LIMIT: 'limits.body',
	ENVTIER_API_CALLS_PER_MINUTE: 'limits.callsPerMinute',
	ENVTIER_API_FAILED_LOGINS_PER_MINUTE: 'limits.failedLoginsPerMinute',
	ENVTIER_API_TRUST_PROXY: 'trustProxy',
	ENVTIER_API_AUDIT_FILE: 'auditFile',
	ENVTIER_LOG_LEVEL: 'logLevel',
} as const satisfies Record<Exclude<ApiVariableName, 'ENVTIER_API_CONFIG'>, string>;

/** A setting that a file may hold. */
export type FileVariable = keyof typeof CONFIG_KEYS;
