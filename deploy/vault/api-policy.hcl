# What the secrets API may do in Vault. It writes values and reads only what is known about them: there is no "read" on
# data/ outside templates/, so Vault itself keeps the API from revealing a value. Replace "secret" by the name of your KV v2 mount.

# Values: written, never read.
path "secret/data/orgs/+/secrets/+"                     { capabilities = ["create", "update"] }
path "secret/data/deployments/+/secrets/+"              { capabilities = ["create", "update"] }
path "secret/data/deployments/+/services/+/secrets/+"   { capabilities = ["create", "update"] }
path "secret/data/users/+/secrets/+"                    { capabilities = ["create", "update"] }
path "secret/data/registry/*"                           { capabilities = ["create", "update"] }

# Templates are read too: copying one to a new deployment needs its values. Pods never read them.
path "secret/data/templates/*"                          { capabilities = ["create", "update", "read"] }

# What is known about secrets: descriptions, owners, versions. Deleting takes every version along.
path "secret/metadata/orgs/+/secrets/+"                     { capabilities = ["read", "patch", "delete"] }
path "secret/metadata/orgs/+/secrets/"                      { capabilities = ["list"] }
path "secret/metadata/deployments/+/"                       { capabilities = ["list"] }
path "secret/metadata/deployments/+/secrets/+"              { capabilities = ["read", "patch", "delete"] }
path "secret/metadata/deployments/+/secrets/"               { capabilities = ["list"] }
path "secret/metadata/deployments/+/services/"              { capabilities = ["list"] }
path "secret/metadata/deployments/+/services/+/secrets/+"   { capabilities = ["read", "patch", "delete"] }
path "secret/metadata/deployments/+/services/+/secrets/"    { capabilities = ["list"] }
path "secret/metadata/users/+/secrets/+"                    { capabilities = ["read", "patch", "delete"] }
path "secret/metadata/users/+/secrets/"                     { capabilities = ["list"] }
path "secret/metadata/templates/*"                          { capabilities = ["read", "patch", "delete", "list"] }
path "secret/metadata/registry/*"                           { capabilities = ["read", "patch", "delete", "list"] }

# The same of a whole folder in one request. OpenBao has it since 2.2; HashiCorp Vault has not, and ignores these lines.
path "secret/detailed-metadata/orgs/+/secrets/"                    { capabilities = ["list"] }
path "secret/detailed-metadata/deployments/+/secrets/"             { capabilities = ["list"] }
path "secret/detailed-metadata/deployments/+/services/+/secrets/"  { capabilities = ["list"] }
path "secret/detailed-metadata/users/+/secrets/"                   { capabilities = ["list"] }
path "secret/detailed-metadata/templates/+/secrets/"               { capabilities = ["list"] }
path "secret/detailed-metadata/templates/+/services/+/secrets/"    { capabilities = ["list"] }

# Its own token.
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/lookup-self"  { capabilities = ["read"] }
