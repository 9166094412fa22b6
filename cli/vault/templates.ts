/**
 * The policies and roles of deploy/vault, letter by letter, so that the command needs no files beside it; a test compares them.
 * Words between "@" stand for what differs.
 */
export const POLICIES = {
	session: `# Every fetch: give the login's token back at the end. The policy "default" is not needed, and not granted.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
# After a refusal: tell a policy that is missing from a token that is gone. It shows what the login gave, and no secret.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
`,
	org: `# The organization's tier: what every deployment of @ORG@ shares.
path "@METADATA@/orgs/@ORG@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/orgs/@ORG@/secrets/+" {
  capabilities = ["read"]
}
`,
	deployment: `# The deployment's tier: what every service of @DEPLOYMENT@ shares.
path "@METADATA@/deployments/@DEPLOYMENT@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/@DEPLOYMENT@/secrets/+" {
  capabilities = ["read"]
}
`,
	service: `# The service's tier: what @SERVICE@ of @DEPLOYMENT@ alone reads.
path "@METADATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/+" {
  capabilities = ["read"]
}
`,
} as const;

/** What is written to an auth method's role, by the method's type. */
export const ROLES = {
	kubernetes: `{
  "bound_service_account_names": [@ACCOUNTS@],
  "bound_service_account_namespaces": [@NAMESPACES@],
  "audience": "@AUDIENCE@",
  "alias_name_source": "serviceaccount_uid",
  "token_policies": [@POLICIES@],
  "token_no_default_policy": true,
  "token_ttl": "5m",
  "token_max_ttl": "10m"
}
`,
	jwt: `{
  "role_type": "jwt",
  "user_claim": "sub",
  "bound_audiences": ["@AUDIENCE@"],
  "bound_claims": {
    @BOUND_CLAIMS@
  },
  "claim_mappings": {
    "/kubernetes.io/namespace": "service_account_namespace",
    "/kubernetes.io/serviceaccount/name": "service_account_name"
  },
  "token_policies": [@POLICIES@],
  "token_no_default_policy": true,
  "token_ttl": "5m",
  "token_max_ttl": "10m"
}
`,
} as const;
