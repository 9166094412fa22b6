# What the controller may do in Vault: see which keys there are and which version each has. There is no right on data/, so
# Vault itself keeps the controller from reading a value. Replace "secret" by the name of your KV v2 mount.

path "secret/metadata/orgs/+/secrets/"                     { capabilities = ["list"] }
path "secret/metadata/orgs/+/secrets/+"                    { capabilities = ["read"] }
path "secret/metadata/deployments/+/secrets/"              { capabilities = ["list"] }
path "secret/metadata/deployments/+/secrets/+"             { capabilities = ["read"] }
path "secret/metadata/deployments/+/services/+/secrets/"   { capabilities = ["list"] }
path "secret/metadata/deployments/+/services/+/secrets/+"  { capabilities = ["read"] }

# The same of a whole folder in one request. OpenBao has it since 2.2; HashiCorp Vault has not, and ignores these lines.
path "secret/detailed-metadata/orgs/+/secrets/"                    { capabilities = ["list"] }
path "secret/detailed-metadata/deployments/+/secrets/"             { capabilities = ["list"] }
path "secret/detailed-metadata/deployments/+/services/+/secrets/"  { capabilities = ["list"] }

# Its own token.
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/lookup-self"  { capabilities = ["read"] }
