# What the Reveal program may do for one value. The role envtier-reveal-value grants it for 60 seconds and 2 uses: the read, and
# giving the token back. Replace "secret" by the name of your KV v2 mount.
path "secret/data/orgs/+/secrets/+"                    { capabilities = ["read"] }
path "secret/data/deployments/+/secrets/+"             { capabilities = ["read"] }
path "secret/data/deployments/+/services/+/secrets/+"  { capabilities = ["read"] }
path "auth/token/revoke-self"                          { capabilities = ["update"] }
