/** The namespace and the name of the service account that logged in, in a policy. */
const NAMESPACE = '{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_namespace}}';
const ACCOUNT = '{{identity.entity.aliases.@ACCESSOR@.metadata.service_account_name}}';

/** The rules that let a pod list and read the secrets of one folder. */
const tierRules = (folder: string): string => `path "@METADATA@/${folder}/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/${folder}/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/${folder}/secrets" {
  capabilities = ["read"]
}
`;

/** The rule that shows the versions of all secrets of one folder in one request, and no value. */
const refreshRules = (folder: string): string => `path "@DETAILED@/${folder}/secrets/" {
  capabilities = ["list"]
}
`;

/**
 * The policies and roles of deploy/vault, unchanged, so that the command needs no other files; a test
 * compares them. Words between "@" are placeholders.
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
${tierRules('orgs/@ORG@')}`,
	deployment: `# The deployment's tier: what every service of @DEPLOYMENT@ shares.
${tierRules('deployments/@DEPLOYMENT@')}`,
	service: `# The service's tier: what @SERVICE@ of @DEPLOYMENT@ alone reads.
${tierRules('deployments/@DEPLOYMENT@/services/@SERVICE@')}`,
	sealed: `# Sealed values of the pod's own namespace, and of the cluster. The namespace comes from the login, so that no pod can claim another's; the name of the
# transit key is what binds, for the context that a key is derived with is chosen by whoever asks.
path "@TRANSIT@/decrypt/envtier-namespace_${NAMESPACE}" {
  capabilities = ["update"]
}
path "@TRANSIT@/decrypt/envtier-cluster" {
  capabilities = ["update"]
}
`,
	'sealed-deployment': `# Values sealed for @DEPLOYMENT@ in the pod's own namespace.
path "@TRANSIT@/decrypt/envtier-deployment_${NAMESPACE}_@DEPLOYMENT@" {
  capabilities = ["update"]
}
`,
	'refresh-org': `# Versions of the organization's tier, in one request and without values, for sidecars that keep files current.
${refreshRules('orgs/@ORG@')}`,
	'refresh-deployment': `# Versions of the deployment's tier, in one request and without values, for sidecars that keep files current.
${refreshRules('deployments/@DEPLOYMENT@')}`,
	'refresh-service': `# Versions of the service's tier, in one request and without values, for sidecars that keep files current.
${refreshRules('deployments/@DEPLOYMENT@/services/@SERVICE@')}`,
	'refresh-own-namespace': `# Versions of the tiers of own-namespace, in one request and without values, for sidecars that keep files current.
${refreshRules(`deployments/${NAMESPACE}`)}${refreshRules(`deployments/${NAMESPACE}/services/${ACCOUNT}`)}`,
	'refresh-own-account': `# Versions of the tiers of own-account, in one request and without values, for sidecars that keep files current.
${refreshRules(`deployments/${NAMESPACE}.${ACCOUNT}`)}${refreshRules(`deployments/${NAMESPACE}.${ACCOUNT}/services/+`)}`,
	'lease-session': `# Leases: a pod keeps its token and its leases alive. It ends them by revoke-self of the token. sys/leases/revoke is not granted,
# because a pod could end another pod's lease with it.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
path "sys/leases/renew" {
  capabilities = ["update"]
}
`,
	lease: `# A dynamic secret that is issued by a read. What it may do is set by the engine's role.
path "@LEASE@" {
  capabilities = ["read"]
}
`,
	issue: `# A dynamic secret that is issued by a write with parameters. Which ones are allowed is set by the engine's role.
path "@LEASE@" {
  capabilities = ["update"]
}
`,
	'own-namespace': `# One policy for all: a pod reads the deployment that bears its namespace's name, and the service that bears its service account's.
# Both names come from the login, so that no pod can claim another's.
${tierRules(`deployments/${NAMESPACE}`)}${tierRules(`deployments/${NAMESPACE}/services/${ACCOUNT}`)}`,
	'own-account': `# One policy for all: a pod reads the deployment NAMESPACE.ACCOUNT of its own namespace and service account, with all its services.
# Both names come from the login, and no namespace holds a dot, so that no other namespace and account make the same name.
${tierRules(`deployments/${NAMESPACE}.${ACCOUNT}`)}${tierRules(`deployments/${NAMESPACE}.${ACCOUNT}/services/+`)}`,
	'sealed-own-namespace': `# Values sealed for the deployment that bears the pod's namespace's name, there.
path "@TRANSIT@/decrypt/envtier-deployment_${NAMESPACE}_${NAMESPACE}" {
  capabilities = ["update"]
}
`,
	'sealed-own-account': `# Values sealed for the deployment NAMESPACE.ACCOUNT of the pod's own namespace and service account, in that namespace.
path "@TRANSIT@/decrypt/envtier-deployment_${NAMESPACE}_${NAMESPACE}.${ACCOUNT}" {
  capabilities = ["update"]
}
`,
} as const;

/** The parameters of a role, by the type of the auth method. */
export const ROLES = {
	kubernetes: `{
  "bound_service_account_names": [@ACCOUNTS@],
  "bound_service_account_namespaces": [@NAMESPACES@],
  "audience": "@AUDIENCE@",
  "alias_name_source": "serviceaccount_uid",
  "token_policies": [@POLICIES@],
  "token_no_default_policy": true,
  "token_ttl": @TTL@,
  "token_max_ttl": @MAX_TTL@,
  "token_num_uses": @USES@,
  "token_period": @PERIOD@
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
  "token_ttl": @TTL@,
  "token_max_ttl": @MAX_TTL@,
  "token_num_uses": @USES@,
  "token_period": @PERIOD@
}
`,
} as const;
