# The deployment's tier: what every service of @DEPLOYMENT@ shares.
path "@METADATA@/deployments/@DEPLOYMENT@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/@DEPLOYMENT@/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/deployments/@DEPLOYMENT@/secrets" {
  capabilities = ["read"]
}
