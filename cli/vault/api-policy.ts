/** The policy of the secrets API, for a KV v2 mount with the path `secret`. */
export const API_POLICY = `# What the secrets API may do in Vault. It writes values and reads only what is known about them: there is no "read" on
# data/ outside templates/, registry/access/ and registry/sessions/, so Vault itself keeps the API from revealing a value.
# Replace "secret" by the name of your KV v2 mount.

# Values: written, never read. "patch" changes a value only where there is one, so an update never brings a deleted secret back.
path "secret/data/orgs/+/secrets/+"                     { capabilities = ["create", "update", "patch"] }
path "secret/data/deployments/+/secrets/+"              { capabilities = ["create", "update", "patch"] }
path "secret/data/deployments/+/services/+/secrets/+"   { capabilities = ["create", "update", "patch"] }
path "secret/data/users/+/secrets/+"                    { capabilities = ["create", "update", "patch"] }
path "secret/data/registry/*"                           { capabilities = ["create", "update"] }
# Who is a member of a deployment.
path "secret/data/registry/access/*"                    { capabilities = ["create", "update", "read"] }
# Sessions of the dashboard, for all replicas. They are sealed with a key that Vault does not have.
path "secret/data/registry/sessions/*"                  { capabilities = ["create", "update", "read"] }

# Templates are read too: copying one to a new deployment needs its values. Pods never read them.
path "secret/data/templates/*"                          { capabilities = ["create", "update", "patch", "read"] }

# Versions: deleted so that they can be restored, restored, and destroyed for good.
path "secret/delete/orgs/+/secrets/+"                       { capabilities = ["update"] }
path "secret/delete/deployments/+/secrets/+"                { capabilities = ["update"] }
path "secret/delete/deployments/+/services/+/secrets/+"     { capabilities = ["update"] }
path "secret/delete/users/+/secrets/+"                      { capabilities = ["update"] }
path "secret/delete/templates/*"                            { capabilities = ["update"] }
path "secret/undelete/orgs/+/secrets/+"                     { capabilities = ["update"] }
path "secret/undelete/deployments/+/secrets/+"              { capabilities = ["update"] }
path "secret/undelete/deployments/+/services/+/secrets/+"   { capabilities = ["update"] }
path "secret/undelete/users/+/secrets/+"                    { capabilities = ["update"] }
path "secret/undelete/templates/*"                          { capabilities = ["update"] }
path "secret/destroy/orgs/+/secrets/+"                      { capabilities = ["update"] }
path "secret/destroy/deployments/+/secrets/+"               { capabilities = ["update"] }
path "secret/destroy/deployments/+/services/+/secrets/+"    { capabilities = ["update"] }
path "secret/destroy/users/+/secrets/+"                     { capabilities = ["update"] }
path "secret/destroy/templates/*"                           { capabilities = ["update"] }

# What is known about secrets: descriptions, owners, versions. Deleting takes every version along: it is for what a failed call
# leaves behind. A patch changes custom_metadata alone: max_versions or delete_version_after would end the history.
path "secret/metadata/orgs/+/secrets/+" {
  capabilities       = ["read", "patch", "delete"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/deployments/+/secrets/+" {
  capabilities       = ["read", "patch", "delete"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/deployments/+/services/+/secrets/+" {
  capabilities       = ["read", "patch", "delete"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/users/+/secrets/+" {
  capabilities       = ["read", "patch", "delete"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/templates/*" {
  capabilities       = ["read", "patch", "delete", "list"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/registry/*" {
  capabilities       = ["read", "patch", "delete", "list"]
  allowed_parameters = { "custom_metadata" = [] }
}
path "secret/metadata/orgs/+/secrets/"                      { capabilities = ["list"] }
path "secret/metadata/deployments/+/"                       { capabilities = ["list"] }
path "secret/metadata/deployments/+/secrets/"               { capabilities = ["list"] }
path "secret/metadata/deployments/+/services/"              { capabilities = ["list"] }
path "secret/metadata/deployments/+/services/+/secrets/"    { capabilities = ["list"] }
path "secret/metadata/users/+/secrets/"                     { capabilities = ["list"] }

# The same of a whole folder in one request. OpenBao has it since 2.2; HashiCorp Vault has not, and ignores these lines.
path "secret/detailed-metadata/orgs/+/secrets/"                    { capabilities = ["list"] }
path "secret/detailed-metadata/deployments/+/secrets/"             { capabilities = ["list"] }
path "secret/detailed-metadata/deployments/+/services/+/secrets/"  { capabilities = ["list"] }
path "secret/detailed-metadata/users/+/secrets/"                   { capabilities = ["list"] }
path "secret/detailed-metadata/templates/+/secrets/"               { capabilities = ["list"] }
path "secret/detailed-metadata/templates/+/services/+/secrets/"    { capabilities = ["list"] }

# Its own token, and which of these lines it has: the API's log names those that are missing.
path "auth/token/renew-self"     { capabilities = ["update"] }
path "auth/token/lookup-self"    { capabilities = ["read"] }
path "sys/capabilities-self"     { capabilities = ["update"] }
`;

/** A line about who has access, with its capabilities. */
const ACCESS = /^(path "[^"]*)data\/registry\/access\/\*"(\s*\{ capabilities = )\[.*?\](.*)$/m;

/**
 * The policy of an API beside the Reveal program, the same as deploy/vault/beside-reveal.awk makes: it reads
 * who has access, and changes nothing of it.
 */
export function besideReveal(policy: string): string {
	return policy.replace(
		ACCESS,
		'$1data/registry/access/*"$2["read"]$3\n$1metadata/registry/access/*"$2["read", "list"]$3',
	);
}
