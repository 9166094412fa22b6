# What the rotation of the controller may do in Vault: see which passwords rotate and which version each has, and
# write a new version of a key that has one. There is no "read" on data/, so Vault itself keeps it from reading a
# value. "patch" is not "update": it never brings a deleted secret back, and creates none.
# Replace "secret" by the name of your KV v2 mount.

path "secret/data/orgs/+/secrets/+"                     { capabilities = ["patch"] }
path "secret/data/deployments/+/secrets/+"              { capabilities = ["patch"] }
path "secret/data/deployments/+/services/+/secrets/+"   { capabilities = ["patch"] }

path "secret/metadata/orgs/+/secrets/+"                     { capabilities = ["read"] }
path "secret/metadata/deployments/+/secrets/+"              { capabilities = ["read"] }
path "secret/metadata/deployments/+/services/+/secrets/+"   { capabilities = ["read"] }

# The index of passwords that rotate: it needs no right to list secrets.
path "secret/metadata/registry/rotations/"    { capabilities = ["list"] }
path "secret/metadata/registry/rotations/+"   { capabilities = ["read"] }

# Its own token.
path "auth/token/renew-self"   { capabilities = ["update"] }
path "auth/token/lookup-self"  { capabilities = ["read"] }
