# The service's tier: what @SERVICE@ of @DEPLOYMENT@ alone reads.
path "@METADATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/" {
  capabilities = ["list"]
}
path "@DATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets/+" {
  capabilities = ["read"]
}
# A secret in the folder's own place, of which pods get nothing: read so that a fetch can say how to write it instead.
path "@DATA@/deployments/@DEPLOYMENT@/services/@SERVICE@/secrets" {
  capabilities = ["read"]
}
