# The deployment's tier: what every service of @DEPLOYMENT@ shares.
path "@METADATA@/deployments/@DEPLOYMENT@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/@DEPLOYMENT@/secrets/+" {
  capabilities = ["read"]
}
