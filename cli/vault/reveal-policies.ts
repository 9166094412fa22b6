/**
 * The policies of the Reveal program for a KV v2 mount with the path `secret`, unchanged from
 * deploy/vault/reveal*-policy.hcl; a test compares them.
 */
export const REVEAL_POLICIES = {
	reveal: `# What the Reveal program may do in Vault by itself: decide who has access, and no more. It reads no values with this.
# Replace "secret" by the name of your KV v2 mount.

# Members, transfers and elevations. An elevation ends by delete_version_after, which is why metadata is written here.
path "secret/data/registry/access/*"      { capabilities = ["create", "update", "read"] }
path "secret/metadata/registry/access/*"  { capabilities = ["create", "update", "read", "delete", "list"] }

# Whether anything is below the name of a new deployment.
path "secret/metadata/deployments/+/"     { capabilities = ["list"] }

# Versions of secrets, to restore one, and who restored it.
path "secret/metadata/orgs/+/secrets/+" {
  capabilities       = ["read", "patch"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/deployments/+/secrets/+" {
  capabilities       = ["read", "patch"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/deployments/+/services/+/secrets/+" {
  capabilities       = ["read", "patch"]
  allowed_parameters = { "custom_metadata" = [] }
}

# Typed secrets whose creation has not finished: a value of one is told to be half of it. The journals hold no values.
path "secret/metadata/templates/_typed/"   { capabilities = ["list"] }
path "secret/metadata/templates/_typed/+"  { capabilities = ["read"] }
path "secret/data/templates/_typed/+"      { capabilities = ["read"] }

# Its own token, and which of these lines it has: its log and /readyz name those that are missing.
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/lookup-self"  { capabilities = ["read"] }
path "sys/capabilities-self"   { capabilities = ["update"] }
`,
	'reveal-value': `# What the Reveal program may do for one value. The role envtier-reveal-value grants it for 60 seconds and 2 uses: the read, and
# giving the token back. Replace "secret" by the name of your KV v2 mount.
path "secret/data/orgs/+/secrets/+"                    { capabilities = ["read"] }
path "secret/data/deployments/+/secrets/+"             { capabilities = ["read"] }
path "secret/data/deployments/+/services/+/secrets/+"  { capabilities = ["read"] }
path "auth/token/revoke-self"                          { capabilities = ["update"] }
`,
	'reveal-restore': `# What the Reveal program may do for one restore. The role envtier-reveal-restore grants it for 60 seconds and 3 uses: the read
# of the old version, the write of the new one, and giving the token back. Replace "secret" by the name of your KV v2 mount.
path "secret/data/orgs/+/secrets/+"                    { capabilities = ["read", "patch"] }
path "secret/data/deployments/+/secrets/+"             { capabilities = ["read", "patch"] }
path "secret/data/deployments/+/services/+/secrets/+"  { capabilities = ["read", "patch"] }
path "auth/token/revoke-self"                          { capabilities = ["update"] }
`,
} as const;
