# What the Reveal program may do for one restore. The role envtier-reveal-restore grants it for 60 seconds and 3 uses: the read
# of the old version, the write of the new one, and giving the token back. Replace "secret" by the name of your KV v2 mount.
path "secret/data/orgs/+/secrets/+"                    { capabilities = ["read", "patch"] }
path "secret/data/deployments/+/secrets/+"             { capabilities = ["read", "patch"] }
path "secret/data/deployments/+/services/+/secrets/+"  { capabilities = ["read", "patch"] }
path "auth/token/revoke-self"                          { capabilities = ["update"] }
